"""Writing a changed employee down, with the difference in his history."""

from uuid import UUID

from attrs import evolve

from planado_async.emulator.planday.calls import Call
from planado_async.emulator.planday.hr_forms import FIELDS
from planado_async.emulator.planday.people import Employee, HistoryEntry
from planado_async.emulator.records import Json

# Not told in a history: what is no field of the record, or says the same as another field.
UNTOLD = ("isSupervisor", "cellPhoneCountryId", "phoneCountryId")


def save(call: Call, old: Employee, new: Employee) -> None:
    """Puts the new version in the place of the old one, and tells the difference in its history."""
    now = call.clock.now()
    call.data.employees.put(evolve(new, modified_at=now))
    history = call.data.histories.setdefault(new.id, [])
    for name, value in _differences(old, new).items():
        history.append(
            HistoryEntry(
                op="replace",
                field=name,
                value=value,
                at=now,
                by=call.admin.name,
                by_guid=str(UUID(int=call.admin.portal_id << 64 | call.admin.id)),
            )
        )


def _differences(old: Employee, new: Employee) -> Json:
    before, after = _told(old), _told(new)
    names = dict.fromkeys((*before, *after))
    return {name: after.get(name) for name in names if before.get(name) != after.get(name)}


def _told(of: Employee) -> Json:
    fields = (item for item in FIELDS.items() if item[0] not in UNTOLD)
    told = {name: getattr(of, field.attribute) for name, field in fields}
    return {**told, "deactivationDate": of.deactivation_date, **of.custom}
