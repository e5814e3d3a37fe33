"""What the shifts of a department cost.

https://openapi.planday.com/guides/timeandcost-guide
"""

from datetime import date, timedelta

from planado_async.emulator.planday import scheduling_views
from planado_async.emulator.planday.calls import Answer, Call, Route, data, missing
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.query import required
from planado_async.emulator.planday.scheduling_records import Shift
from planado_async.emulator.records import Json

HOURLY_WAGE = 165.0
# The default break rule: so long a break, unpaid, in shifts that last longer than that.
BREAK, BREAK_AFTER = timedelta(minutes=30), timedelta(hours=6)
HOUR = timedelta(hours=1)
# Symbol and .NET format of the currency, by the portal's country.
CURRENCIES = {
    "Denmark": ("kr.", "#,##0.00 'kr.'"),
    "Norway": ("kr", "#,##0.00 'kr'"),
    "Sweden": ("kr", "#,##0.00 'kr'"),
    "United Kingdom": ("£", "£#,##0.00"),
}
EURO = ("€", "€#,##0.00")


def time_and_cost(call: Call) -> Answer:
    """Time and cost of the department's shifts in a span of days; open shifts are left out."""
    department_id = call.ids["departmentId"]
    first: date = required("from", call.query.day("from"))
    last: date = required("to", call.query.day("to"))
    if department_id not in call.data.departments or not call.sees(department_id):
        raise missing("Department")
    costs = [
        _item(call, shift)
        for shift in call.data.roster.shifts
        if shift.department_id == department_id
        and shift.employee_id is not None
        and first <= shift.day <= last
    ]
    return data({"costs": costs, **currency(call.data)})


def currency(portal: PortalData) -> Json:
    """How money is shown in a portal."""
    symbol, form = CURRENCIES.get(portal.portal.country, EURO)
    return {"currencySymbol": symbol, "currencyFormatString": form}


def _item(call: Call, shift: Shift) -> Json:
    return call.slim(
        {
            "shiftId": shift.id,
            "duration": scheduling_views.duration(paid_for(call.data, shift)),
            "cost": cost(call.data, shift),
            "employeeId": shift.employee_id,
            "date": shift.day.isoformat(),
            "shiftTypeId": shift.shift_type_id,
            "positionId": shift.position_id,
        }
    )


def break_of(portal: PortalData, shift: Shift) -> timedelta:
    """The break of a shift by the default rule."""
    kind = portal.roster.shift_types.get(shift.shift_type_id)
    allowed = shift.use_breaks and (kind is None or kind.allows_breaks)
    return BREAK if allowed and shift.length > BREAK_AFTER else timedelta()


def paid_for(portal: PortalData, shift: Shift) -> timedelta:
    """How long a shift lasts without its break."""
    return shift.length - break_of(portal, shift)


def rate(portal: PortalData, shift: Shift) -> float:
    """What an hour pays: nothing to an employee of another group or department."""
    employee = portal.employees.get(shift.employee_id)
    if employee is None or shift.department_id not in employee.departments:
        return 0.0
    if shift.employee_group_id not in employee.employee_groups:
        return 0.0
    return HOURLY_WAGE if shift.wage is None else shift.wage.amount


def cost(portal: PortalData, shift: Shift) -> float:
    """What a shift costs, by the hour and by its type."""
    kind = portal.roster.shift_types.get(shift.shift_type_id)
    share = 1.0 if kind is None else kind.pay_percentage / 100
    return round(rate(portal, shift) * (paid_for(portal, shift) / HOUR) * share, 2)


ROUTES = [
    Route("GET", "/scheduling/v1.0/timeandcost/{departmentId}", "timeandcost:read", time_and_cost)
]
