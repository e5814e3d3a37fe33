"""Bodies of writes: the rules of their fields, and the records that these fields name."""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import field, frozen

from planado_async.emulator.checks import (
    InvalidError,
    New,
    Reference,
    Rules,
    mapping,
    read,
    reference,
)
from planado_async.emulator.errors import invalid
from planado_async.emulator.records import Assignee
from planado_async.emulator.state import State

Find = Callable[[State, Any], Any]

WRONG_ASSIGNEE = "either team or worker must present"
TAKEN = "is used by another entity"
ACCESS = ("edit", "view")


@frozen
class Form:
    """What the body of a write may hold: rules first, then what needs the state."""

    rules: Rules
    finds: Mapping[str, Find] = field(factory=dict[str, Find])

    def read(self, state: State, body: Mapping[str, Any], *, creating: bool) -> dict[str, Any]:
        """The clean values, or the answer that names every field at fault."""
        values, errors = read(self.rules, body, creating=creating)
        for name in self.finds.keys() & values.keys():
            try:
                if values[name] is not None:
                    values[name] = self.finds[name](state, values[name])
            except InvalidError as refused:
                errors[name] = refused.messages
        if errors:
            raise invalid(errors)
        return values


def one(kind: str) -> Find:
    """Turns a reference into the uuid of the record it names."""

    def find(state: State, given: Reference) -> str:
        record = state.collection(kind).find(given.key, given.value)
        if record is None:
            raise InvalidError("must exist")
        uuid: str = record.uuid
        return uuid

    return find


def many(kind: str) -> Find:
    """Turns references into uuids, each once."""
    find_one = one(kind)

    def find(state: State, given: list[Reference]) -> tuple[str, ...]:
        return tuple(dict.fromkeys(find_one(state, each) for each in given))

    return find


def one_or_new(kind: str) -> Find:
    """Turns a reference into a uuid, or lets a new record pass if its external id is free."""
    find_one, free = one(kind), unused(kind)

    def find(state: State, given: Reference | New) -> str | New:
        if isinstance(given, Reference):
            uuid: str = find_one(state, given)
            return uuid
        if (external_id := given.fields.get("external_id")) is not None:
            try:
                free(state, external_id)
            except InvalidError as refused:
                raise InvalidError(f"external_id {refused}") from None
        return given

    return find


def unused(kind: str, key: str = "external_id") -> Find:
    """Refuses a value that another record of the kind has."""

    def find(state: State, given: str) -> str:
        if state.collection(kind).find(key, given) is not None:
            raise InvalidError(TAKEN)
        return given

    return find


def assignee(value: object) -> Assignee:
    """A worker or a team, wrapped in the word that says which."""
    given = mapping(value)
    kinds = [kind for kind in ("worker", "team") if given.get(kind) is not None]
    if len(kinds) != 1 or not isinstance(given[kinds[0]], dict):
        raise InvalidError(WRONG_ASSIGNEE)
    named: Reference = reference("uuid")(given[kinds[0]])
    access = given.get("access", "edit")
    if access not in ACCESS:
        raise InvalidError(f"access must be one of: {', '.join(ACCESS)}")
    return Assignee(kind=kinds[0], uuid=named.value.lower(), access=access)


def sole_assignee(value: object) -> Assignee:
    """The one who does the job; a word on access is passed over."""
    return assignee({**mapping(value), "access": "edit"})


def find_assignees(state: State, given: list[Assignee]) -> tuple[Assignee, ...]:
    """Lets assignees pass who exist, appear once, and of whom exactly one may edit."""
    for each in given:
        if state.collection("users" if each.kind == "worker" else "teams").get(each.uuid) is None:
            raise InvalidError("must exist")
    if len({each.uuid for each in given}) < len(given):
        raise InvalidError("must not name anyone twice")
    if sum(each.access == "edit" for each in given) != 1:
        raise InvalidError("exactly one must have edit access")
    return tuple(given)


def find_assignee(state: State, given: Assignee) -> tuple[Assignee, ...]:
    """Turns the single assignee into a list of one."""
    return find_assignees(state, [given])
