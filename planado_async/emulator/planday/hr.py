"""The HR API's employees, as they are read: https://openapi.planday.com/api/hr."""

from collections.abc import Callable
from datetime import UTC, datetime

from planado_async.emulator.planday import hr_images, hr_structure, hr_writes
from planado_async.emulator.planday.calls import Answer, Call, Route, data
from planado_async.emulator.planday.hr_employees import employee, gone, members, staff
from planado_async.emulator.planday.hr_forms import definitions
from planado_async.emulator.planday.hr_views import LEFT, LIST, SPECIAL, detail, prefix, row
from planado_async.emulator.planday.people import Employee, HistoryEntry, Supervisor
from planado_async.emulator.records import Json

Test = Callable[[Employee], bool]


def active(call: Call) -> Answer:
    """Those who have not left."""
    keep = _filter(call)
    return call.page(filter(keep, members(call)), row(call, LIST))


def deactivated(call: Call) -> Answer:
    """Those who have left."""
    keep, left = _filter(call), _span(call, "deactivated")
    now = call.clock.now()
    found = (each for each in staff(call) if gone(call, each) and keep(each))
    return call.page((each for each in found if left(each.left_at(now))), row(call, LEFT))


def _filter(call: Call) -> Test:
    created, modified = _span(call, "created"), _span(call, "modified")
    sought, now = (call.query.text("searchQuery") or "").lower(), call.clock.now()

    def keep(each: Employee) -> bool:
        # The window of changes also catches who was made or has left in it.
        touched = (each.modified_at, each.created_at, each.left_at(now))
        return created(each.created_at) and any(map(modified, touched)) and _has(each, sought)

    return keep


def _span(call: Call, name: str) -> Callable[[datetime | None], bool]:
    """A test of moments by `<name>From`, which is exclusive unless set so, and `<name>To`."""
    after, until = call.query.moment(f"{name}From"), call.query.moment(f"{name}To")
    inclusive = call.settings.modified_from_inclusive

    def test(at: datetime | None) -> bool:
        if after is None and until is None:
            return True
        if at is None or (until is not None and at > until):
            return False
        return after is None or at > after or (inclusive and at == after)

    return test


def _has(each: Employee, sought: str) -> bool:
    """Whether a text stands in one of the fields that are searched."""
    searched = (
        f"{each.first_name} {each.last_name}",
        each.email,
        prefix(each.cell_phone_country_code) + each.cell_phone,
        prefix(each.phone_country_code) + each.phone,
        each.salary_identifier,
        each.ssn,
    )
    return any(sought in text.lower() for text in searched)


def one(call: Call) -> Answer:
    """One employee, also if he has left."""
    return data(detail(call, employee(call)))


def supervisors(call: Call) -> Answer:
    """The records by which employees name their supervisors."""
    seen = {each.id: each for each in members(call)}

    def view(supervisor: Supervisor) -> Json:
        who = seen[supervisor.employee_id]
        return {
            "id": supervisor.id,
            "employeeId": supervisor.employee_id,
            "name": f"{who.first_name} {who.last_name}",
        }

    return call.page((each for each in call.data.supervisors if each.employee_id in seen), view)


def field_definitions(call: Call) -> Answer:
    """What the portal wants in the body of a write."""
    kind = call.query.choice("type", "Post", "Put")
    return data(definitions(call, creating=kind != "Put"))


def history(call: Call) -> Answer:
    """What has been changed of an employee, oldest first; special fields need their scope."""
    withheld = {field for scope, field in SPECIAL.values() if not call.allows(f"{scope}:read")}
    entries = call.data.histories.get(employee(call).id, [])
    after, until = call.query.moment("startDateTime"), call.query.moment("endDateTime")
    found = (
        entry
        for entry in entries
        if entry.field not in withheld
        and (after is None or entry.at >= after)
        and (until is None or entry.at <= until)
    )
    return call.page(found, _entry)


def _entry(entry: HistoryEntry) -> Json:
    return {
        "op": entry.op,
        "path": f"/{entry.field}",
        "value": entry.value,
        "modificationDateTime": entry.at.astimezone(UTC)
        .replace(tzinfo=None)
        .isoformat("T", "seconds"),
        "modifiedBy": entry.by,
        "modifiedByUserGuid": entry.by_guid,
    }


READ = "employee:read"
PATH = "/hr/v1.0/employees"
ROUTES = [
    Route("GET", PATH, READ, active),
    Route("GET", f"{PATH}/deactivated", READ, deactivated),
    Route("GET", f"{PATH}/supervisors", READ, supervisors),
    Route("GET", f"{PATH}/fielddefinitions", READ, field_definitions),
    Route("GET", f"{PATH}/{{employeeId}}", READ, one),
    Route("GET", f"{PATH}/{{employeeId}}/history", "employee:history", history),
    *hr_writes.ROUTES,
    *hr_images.ROUTES,
    *hr_structure.ROUTES,
]
