"""Who is on the staff, as far as the authorising administrator sees it."""

from collections.abc import Iterator

from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.calls import Call, missing
from planado_async.emulator.planday.people import Employee


def staff(call: Call) -> Iterator[Employee]:
    """Everybody who is or was in one of the administrator's departments."""
    return (each for each in call.data.employees if call.sees_any(each.departments))


def gone(call: Call, each: Employee) -> bool:
    """Whether an employee counts as deactivated; who is to leave later does so only if so set."""
    if each.is_deactivated(call.clock.now()):
        return True
    return each.deactivated_from is not None and not call.settings.leave_at_date


def members(call: Call) -> Iterator[Employee]:
    """Those who have not left."""
    return (each for each in staff(call) if not gone(call, each))


def employee(call: Call) -> Employee:
    """The employee in the path, or the answer to one who is unknown."""
    each = call.data.employees.get(call.ids["employeeId"])
    known = each is not None and call.sees_any(each.departments)
    if each is None or not known or (gone(call, each) and not call.settings.show_deactivated):
        if call.settings.unknown_employee_400:
            raise EmulatorError(400, "Employee id is invalid")
        raise missing("Employee")
    return each
