"""Planday: the client of one portal; PlandayPortals: of all that have connected one App ID."""

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from copy import copy
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

import aiohttp
from attrs import evolve, frozen

from planado_async.core.auth import RefreshToken
from planado_async.core.client import Client
from planado_async.core.encode import encode
from planado_async.core.errors import (
    AuthenticationError,
    ConfigurationError,
    PlanadoError,
    ReauthorisationRequiredError,
)
from planado_async.core.limiter import Budget, Limiter, LocalLimiter, Priority, RateLimit
from planado_async.core.limiter_chain import ChainedLimiter, in_window
from planado_async.core.resource import CallOptions, ClientOptions
from planado_async.core.retry import Retry, RetryPolicy
from planado_async.core.secret import Secret
from planado_async.core.telemetry import Telemetry
from planado_async.core.transport import Call, Transport
from planado_async.planday.authorisation import Authorisation, checked_token
from planado_async.planday.identity import Identity, NoProof, service_url
from planado_async.planday.resources import (
    Absence,
    Departments,
    EmployeeGroups,
    Employees,
    EmployeeTypes,
    PortalInfo,
    Positions,
    PunchClock,
    ScheduleDays,
    Sections,
    Shifts,
    ShiftTypes,
    Skills,
    TimeAndCost,
)
from planado_async.planday.tokens import (
    DEFAULT_PORTAL,
    EnvironmentTokenStore,
    Grant,
    MemoryTokenStore,
    TokenStore,
)

IN_FLIGHT = 8
"""Calls of one portal sent and not answered yet, at most, unless said otherwise."""

Windows = tuple[RateLimit, ...]

PORTAL_RATE: Windows = (in_window(10, 1.0), in_window(750, 60.0))
"""What one portal may be called: Planday's page says both 20 and 10 a second, and 750 a minute."""
APP_RATE: Windows = (in_window(100, 1.0), in_window(2000, 60.0))
"""What all portals together may be called with one App ID."""

_MANY = 1_000_000  # a link counts calls; how many are in flight is the chain's matter

ROSTER_SCOPES = (
    "employee:read",
    "department:read",
    "employeegroup:read",
    "employeetype:read",
    "shift:read",
    "shifttype:read",
    "shiftposition:read",
    "punchclockshift:read",
    "absence:read",
)
"""Scopes for reading who works when."""

_HINT = (
    "the access token was just renewed, so look at the rest: whether app_id= is the app this token "
    "belongs to, and whether the administrator who authorised it is still active in Planday"
)


@frozen(kw_only=True)
class Check:
    """What `planday.check()` found for one portal."""

    portal: str
    name: str | None
    """The portal's own name, None if it could not be asked."""
    token_alive: bool | None
    """Whether the API took it; None if that could not be asked."""
    granted: tuple[str, ...]
    """Scopes of the grant, empty if the server does not tell them."""
    missing: tuple[str, ...]
    """Scopes that are needed and not granted."""
    clock_skew: float | None
    """Seconds by which this machine's clock is ahead of Planday's; it does no harm to tokens."""
    budget: Budget
    problems: tuple[str, ...]
    """What is to be done, a line each; none if all is well."""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to be done."""
        return not self.problems


class Planday(Client):
    """A client of one Planday portal, opened with `async with` and shared by a whole service.

    Args:
        app_id: the App ID, shown on the app's tile; PLANDAY_APP_ID if not given.
        refresh_token: the token on the same tile; PLANDAY_REFRESH_TOKEN if not given.
        base_url: PLANDAY_BASE_URL, else Planday's own.
        identity_url: PLANDAY_IDENTITY_URL, else Planday's own.
        store: in place of `refresh_token`: where tokens are kept and looked for. Without one, a
            token that Planday replaces is kept until the process ends.
        portal: the name under which the store keeps the grant.
        reauthorisation_wait: seconds a call waits for another token when this one is good no more;
            0 to fail at once, None to wait as long as it takes (or until the call's deadline).
        rate: the call budget of the portal, as one or more windows that all hold; None for none.
        limiter: in place of `rate`, a budget shared with others.
        in_flight: calls sent and not answered yet, at most.
        session: an aiohttp session to use; it is left open.
        retries: how often a call is tried again, and when.
        timeout: seconds for one try.
        deadline: seconds for a whole call, waiting for the budget included; None for no end.
        priority: which calls go before which, when they wait for the budget.
        on_wait: called with the seconds a call is about to wait for the budget.
        on_retry: called before a call is tried again.
        telemetry: is told of every call.

    Raises:
        ConfigurationError: no App ID or no token, or a URL that would show it.
    """

    portal: PortalInfo
    employees: Employees
    departments: Departments
    employee_groups: EmployeeGroups
    employee_types: EmployeeTypes
    skills: Skills
    shifts: Shifts
    shift_types: ShiftTypes
    positions: Positions
    sections: Sections
    schedule_days: ScheduleDays
    time_and_cost: TimeAndCost
    punch_clock: PunchClock
    absence: Absence

    def __init__(
        self,
        app_id: str | None = None,
        refresh_token: str | None = None,
        *,
        base_url: str | None = None,
        identity_url: str | None = None,
        store: TokenStore | None = None,
        portal: str = DEFAULT_PORTAL,
        reauthorisation_wait: float | None = 0.0,
        rate: RateLimit | Windows | None = PORTAL_RATE,
        limiter: Limiter | None = None,
        in_flight: int = IN_FLIGHT,
        session: aiohttp.ClientSession | None = None,
        retries: RetryPolicy = RetryPolicy(),  # noqa: B008  # frozen
        timeout: float = 30.0,
        deadline: float | None = None,
        priority: Priority = "normal",
        on_wait: Callable[[float], object] | None = None,
        on_retry: Callable[[Retry], object] | None = None,
        telemetry: Telemetry | None = None,
    ) -> None:
        app_id = _app_id(app_id)
        if limiter is None:
            shared = links(APP_RATE) if rate else []
            limiter = ChainedLimiter(*links(rate), shared=shared, in_flight=in_flight)
        elif rate is not PORTAL_RATE or in_flight != IN_FLIGHT:
            raise ConfigurationError("rate= and in_flight= belong to the limiter that is given")
        self._identity = Transport(
            base_url=service_url("identity_url", identity_url),
            auth=NoProof(),
            limiter=LocalLimiter(None),
            retries=retries,
            session=session,
        )
        self._authorisation = Authorisation(
            app_id,
            portal,
            identity=Identity(self._identity),
            store=_store(app_id, portal, refresh_token, store),
        )
        self._auth = RefreshToken(
            self._authorisation.renew,
            replaced=self._authorisation.replaced,
            patience=reauthorisation_wait,
            headers={"X-ClientId": app_id},
            hint=_HINT,
        )
        self._transport = Transport(
            base_url=service_url("base_url", base_url),
            auth=self._auth,
            limiter=limiter,
            retries=retries,
            session=session,
            on_wait=on_wait,
            on_retry=on_retry,
            telemetry=telemetry,
        )
        given = {"timeout": timeout, "deadline": deadline, "priority": priority}
        self._options = ClientOptions(**encode(given, CallOptions))
        # What the class annotates, and nothing else, is a group of calls.
        for name, resource in Planday.__annotations__.items():
            setattr(self, name, resource(self._transport, self._options))

    def with_options(self, **options: Unpack[CallOptions]) -> "Planday":
        """Return a client with other options that shares session, token and budget.

        It is open as long as this one is, and needs no `async with` of its own.
        """
        other = copy(self)
        other._options = evolve(self._options, **encode(options, CallOptions))
        for name in Planday.__annotations__:
            setattr(other, name, getattr(self, name)._with(other._options))
        return other

    async def reauthorise(self, refresh_token: str, scopes: Sequence[str] = ()) -> None:
        """Put another token in the place of the one that is good no more; waiting calls go on.

        Raises:
            ConfigurationError: this is no token, or the store cannot keep it.
        """
        await self._authorisation.put(refresh_token, tuple(scopes))
        self._auth.mended()

    async def check(self, needs: Sequence[str] = ROSTER_SCOPES) -> Check:
        """Tell whether the token is alive and its scopes suffice, the clock's skew, and the budget.

        It costs one call, and one to the identity server if an access token is due. It waits for
        nobody to authorise, and problems are told, not raised.
        """
        told: dict[str, Any] = {}
        problems: list[str] = []
        alive: bool | None = True
        try:
            told = await self._told_by_portal()
        except PlanadoError as failure:
            problems.append(str(failure))
            lost = isinstance(failure, AuthenticationError | ReauthorisationRequiredError)
            alive = False if lost else None
        granted = self._authorisation.scopes
        missing = tuple(scope for scope in needs if granted and scope not in granted)
        if missing:
            problems.append(
                f"the app lacks the scopes {', '.join(missing)}; scopes are fixed when an app is "
                "made, so make one that has them and authorise it"
            )
        return Check(
            portal=self._authorisation.portal,
            name=told.get("name"),
            token_alive=alive,
            granted=granted,
            missing=missing,
            clock_skew=told.get("skew"),
            budget=self.budget,
            problems=tuple(problems),
        )

    async def _told_by_portal(self) -> dict[str, Any]:
        told: dict[str, Any] = {}

        def dated(headers: Mapping[str, str]) -> None:
            told["skew"] = _skew(headers.get("Date"))

        call = Call(
            method="GET",
            route="/portal/v1.0/info",
            path="/portal/v1.0/info",
            effect="read",
            patient=False,
            told=dated,
            options=self._options.of_call({}, write=False),
        )
        answer = await self._transport.send(call)
        data = answer.get("data") if isinstance(answer, dict) else None
        return {"name": data.get("name") if isinstance(data, dict) else None, **told}

    async def request(
        self,
        method: str,
        path: str,
        *,
        route: str = "(request)",
        query: Mapping[str, str] | Sequence[tuple[str, str]] = (),
        body: Any = None,
        **options: Unpack[CallOptions],
    ) -> Any:
        """Send a call that has no method here, and return the JSON it answers.

        `path` is whole, such as `/pay/v1.0/salaries/types`, its ids quoted already. `route` is what
        errors, logs and traces show of it, with names in place of ids. A GET is tried again after a
        failure; any other method only if it was not written.

        Raises:
            TypeError: a body that JSON cannot say.
            ValueError: a path that is not absolute, or leads elsewhere; a naive date-time.
        """
        given = encode(options, CallOptions)
        return await self._request(method, path, route=route, query=query, body=body, given=given)

    async def __aenter__(self) -> Self:
        await self._identity.open()
        return await super().__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await super().__aexit__(kind, error, traceback)
        await self._identity.close()


class PortalOptions(TypedDict, total=False):
    """What `PlandayPortals` passes on to each `Planday`."""

    base_url: str | None
    identity_url: str | None
    reauthorisation_wait: float | None
    retries: RetryPolicy
    timeout: float
    deadline: float | None
    priority: Priority
    on_wait: Callable[[float], object] | None
    on_retry: Callable[[Retry], object] | None
    telemetry: Telemetry | None


class PlandayPortals:
    """The portals that have granted one App ID access, on one session and one budget.

    Open it with `async with`; `await portals.portal("acme")` is a `Planday` that is open as long as
    this is. Each has its own budget, and all of them share that of the App ID. One that loses its
    grant leaves the others working.

    Args:
        app_id: the App ID that all of them have authorised; PLANDAY_APP_ID if not given.
        store: where the grants are; what is put into it later is found too.
        session: an aiohttp session to use; it is left open.
        app_rate: the call budget of the App ID, all portals together.
        options: as `Planday` takes them, for each portal.
    """

    def __init__(
        self,
        app_id: str | None = None,
        store: TokenStore | None = None,
        *,
        session: aiohttp.ClientSession | None = None,
        rate: RateLimit | Windows | None = PORTAL_RATE,
        app_rate: RateLimit | Windows | None = APP_RATE,
        in_flight: int = IN_FLIGHT,
        **options: Unpack[PortalOptions],
    ) -> None:
        self.app_id: str = _app_id(app_id)
        self.store: TokenStore = EnvironmentTokenStore() if store is None else store
        self._rate, self._in_flight = rate, in_flight
        self._shared = links(app_rate)
        self._session = session
        self._users = 0  # `async with` blocks that are open
        self._options: PortalOptions = options
        self._open = AsyncExitStack()
        self._clients: dict[str, Planday] = {}

    async def names(self) -> list[str]:
        """Return the portals the store has a grant of."""
        return await self.store.portals(self.app_id)

    async def portal(self, name: str | int) -> Planday:
        """Return the client of a portal, opened if it was not."""
        if not self._users:
            raise ConfigurationError("the portals are not open; use `async with` around them")
        name = str(name)
        if name not in self._clients:
            own = links(self._rate)
            client = Planday(
                self.app_id,
                store=self.store,
                portal=name,
                session=self._session,
                limiter=ChainedLimiter(*own, shared=self._shared, in_flight=self._in_flight),
                **self._options,
            )
            self._clients[name] = client  # at once: who asks meanwhile gets the same
            await self._open.enter_async_context(client)
        return self._clients[name]

    async def check(self, needs: Sequence[str] = ROSTER_SCOPES) -> list[Check]:
        """Check all portals, as `Planday.check` does."""
        clients = [await self.portal(name) for name in await self.names()]
        return [*await asyncio.gather(*(client.check(needs) for client in clients))]

    async def __aenter__(self) -> Self:
        self._users += 1
        if self._session is None:
            # Cookies would tie calls together that have nothing to do with each other.
            own = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
            self._session = await self._open.enter_async_context(own)
            self._open.callback(setattr, self, "_session", None)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._users -= 1
        if not self._users:
            self._clients = {}
            await self._open.aclose()

    def __repr__(self) -> str:
        return f"<PlandayPortals of {self.app_id}>"


def links(rate: RateLimit | Windows | None) -> list[LocalLimiter]:
    """Return a link for each window, none of which learns: a window is no leaking bucket."""
    windows = (rate,) if isinstance(rate, RateLimit) else rate or ()
    if not all(isinstance(window, RateLimit) for window in windows):
        raise ConfigurationError("rate= takes windows, such as (in_window(10, 1.0),), or None")
    return [LocalLimiter(window, in_flight=_MANY, learns=False) for window in windows]


def _skew(date: str | None) -> float | None:
    """Return the seconds by which this machine's clock is ahead of the one that wrote a header."""
    try:
        return (datetime.now(UTC) - parsedate_to_datetime(date or "")).total_seconds()
    except (ValueError, TypeError):
        return None


def _app_id(given: str | None) -> str:
    app_id = (os.environ.get("PLANDAY_APP_ID", "") if given is None else given).strip()
    if not app_id or not app_id.isascii() or not app_id.isprintable() or " " in app_id:
        raise ConfigurationError(
            "no App ID: pass app_id= or set PLANDAY_APP_ID to the one on the app's tile in Planday "
            "(Settings / Integrations / API Access)"
        )
    return app_id


def _store(
    app_id: str, portal: str, refresh_token: str | None, store: TokenStore | None
) -> TokenStore:
    if store is not None and refresh_token is not None:
        raise ConfigurationError(
            "pass either refresh_token= or store=; planday.reauthorise(token) puts one into a store"
        )
    if refresh_token is None:
        return EnvironmentTokenStore() if store is None else store
    token = Secret(checked_token(refresh_token))
    return MemoryTokenStore(Grant(portal=portal, app_id=app_id, refresh_token=token))
