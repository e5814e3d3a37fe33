"""One class for each group of calls, as the API's documentation groups them."""

from planado_async.planday.resources.absence import (
    Absence,
)
from planado_async.planday.resources.departments import Departments
from planado_async.planday.resources.employee_groups import EmployeeGroups
from planado_async.planday.resources.employee_types import EmployeeTypes
from planado_async.planday.resources.employees import Employees
from planado_async.planday.resources.portal import PortalInfo
from planado_async.planday.resources.positions import (
    Positions,
)
from planado_async.planday.resources.punch_clock import (
    PunchClock,
)
from planado_async.planday.resources.resource import Resource
from planado_async.planday.resources.schedule_days import (
    ScheduleDays,
)
from planado_async.planday.resources.sections import (
    Sections,
)
from planado_async.planday.resources.shift_types import (
    ShiftTypes,
)
from planado_async.planday.resources.shifts import (
    Shifts,
)
from planado_async.planday.resources.skills import Skills
from planado_async.planday.resources.time_and_cost import (
    TimeAndCost,
)

__all__ = [
    "Absence",
    "Departments",
    "EmployeeGroups",
    "EmployeeTypes",
    "Employees",
    "PortalInfo",
    "Positions",
    "PunchClock",
    "Resource",
    "ScheduleDays",
    "Sections",
    "ShiftTypes",
    "Shifts",
    "Skills",
    "TimeAndCost",
]
