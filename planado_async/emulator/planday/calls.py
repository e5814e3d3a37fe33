"""One REST call, read and let through, its answer, and the shapes in which it can be refused."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from attrs import frozen

from planado_async.emulator.calls import parse
from planado_async.emulator.checks import Rules, read
from planado_async.emulator.clock import Clock
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.data import PortalData
from planado_async.emulator.planday.query import Query, bad_input
from planado_async.emulator.planday.records import Admin, Grant
from planado_async.emulator.planday.settings import PlandaySettings
from planado_async.emulator.records import Json

PAGE = 50

T = TypeVar("T")


@frozen
class Answer:
    """What a call is answered with; a body of None is no body."""

    status: int
    body: Any = None


NO_CONTENT = Answer(204)


@frozen(kw_only=True)
class Call:
    """A call that has passed the gate.

    `ids` are the numbers in the path, `params` its words, both by the names of the route.
    """

    data: PortalData
    grant: Grant
    admin: Admin
    settings: PlandaySettings
    ids: Mapping[str, int]
    params: Mapping[str, str]
    query: Query
    raw: bytes

    @property
    def clock(self) -> Clock:
        """The emulated clock."""
        return self.data.clock

    @property
    def body(self) -> Json:
        """The body, which must be a JSON object."""
        return parse(self.raw)

    def fields(self, rules: Rules, *, creating: bool = True) -> dict[str, Any]:
        """The clean values of the body, or 400 with every field at fault."""
        values, errors = read(rules, self.body, creating=creating)
        if errors:
            raise bad_input(errors)
        return values

    def allows(self, scope: str) -> bool:
        """Whether the grant holds a scope."""
        return scope in self.grant.scopes

    def sees(self, department_id: int | None) -> bool:
        """Whether the authorising administrator sees a department; what is in none is seen."""
        seen = self.admin.department_ids
        return seen is None or department_id is None or department_id in seen

    def sees_any(self, department_ids: Iterable[int]) -> bool:
        """Whether the administrator sees one of some departments at least."""
        return self.admin.department_ids is None or any(map(self.sees, department_ids))

    def slim(self, item: Json) -> Json:
        """The item without its nulls, as live lists show it; with them if so set."""
        if self.settings.null_keys:
            return item
        return {name: value for name, value in item.items() if value is not None}

    def page(
        self,
        found: Iterable[T],
        view: Callable[[T], Any],
        *,
        most: int = PAGE,
        strict: bool = False,
    ) -> Answer:
        """A page of what was found, which comes by number; a limit of nought is the default one.

        A limit above `most` is lowered to it, or if `strict` answered 400.
        """
        offset, limit = self._window(most, strict and not self.settings.clamp_limit)
        every = [*found]
        if self.settings.list_order == "descending":
            every.reverse()
        paging = {"offset": offset, "limit": limit, "total": len(every)}
        shown = [view(one) for one in every[offset : offset + limit]]
        return Answer(200, {"paging": paging, "data": shown})

    def _window(self, most: int, strict: bool) -> tuple[int, int]:
        offset = self.query.number("offset") or 0
        limit = self.query.number("limit") or PAGE
        if offset < 0:
            raise bad_input({"offset": ["must not be negative"]})
        if limit < 0 or (limit > most and strict):
            raise bad_input({"limit": [f"must be between 1 and {most}"]})
        return offset, min(limit, most)


def data(body: Any) -> Answer:
    """An answer of one thing, wrapped in `data`."""
    return Answer(200, {"data": body})


def found(record: T | None, name: str) -> T:
    """The record, or 404."""
    if record is None:
        raise missing(name)
    return record


def missing(name: str) -> EmulatorError:
    """The answer to a number nothing is known by."""
    return EmulatorError(404, f"{name} with given id doesn't exist")


def conflict(text: str) -> EmulatorError:
    """The answer to what breaks a rule of the business."""
    return EmulatorError(409, text)


@frozen
class Route:
    """Where a call is carried out, and the scopes it needs.

    `scope` may name several, all of them needed, with a blank between; `|` stands between scopes
    one of which is enough. Path parameters that end in `Id`, or are `{id}`, are numbers.
    """

    method: str
    path: str
    scope: str | None
    run: Callable[[Call], Answer]

    def allowed(self, scopes: frozenset[str]) -> bool:
        """Whether these scopes are enough."""
        needed = (self.scope or "").split()
        return all(scopes.intersection(either.split("|")) for either in needed)


# --- The shapes of refusals, which differ from API to API -----------------------------------------

TITLES = {400: "Bad Request", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict"}


def refusal(api: str, error: EmulatorError) -> Json:
    """The body of a 4xx in the manner of one API."""
    if error.status in (404, 405) or api not in ("hr", "punchclock"):
        return _problem(error)
    if api == "punchclock":
        return {**_problem(error), "errors": dict(error.errors or {})}
    if error.errors is None:
        return {"message": error.message}
    state = {f"model.{name}": says for name, says in error.errors.items()}
    return {"message": "The request is invalid.", "modelState": state}


def _problem(error: EmulatorError) -> Json:
    """Problem details; the detail tells of every field at fault."""
    says = [f"{name} {text}" for name, each in (error.errors or {}).items() for text in each]
    return {
        "type": f"https://httpstatuses.io/{error.status}",
        "title": TITLES.get(error.status, "Error"),
        "status": error.status,
        "detail": "; ".join(says) or error.message,
        "instance": None,
    }
