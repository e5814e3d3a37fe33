"""Inbox, receiver and dispatcher behind one object, for the case of a few lines.

hooks = Webhooks("inbox.db", secret="…")

@hooks.on("job_finished")
async def bill(event: JobEvent) -> None: ...

hooks.mount(app, "/planado")
"""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Unpack

import attrs
from aiohttp import web

from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret
from planado_async.webhooks.asgi import Asgi, HealthAsgi, Routed
from planado_async.webhooks.dispatcher import Dispatcher, FetchMissed, HandlerT
from planado_async.webhooks.export import Target, export
from planado_async.webhooks.health import Health
from planado_async.webhooks.inbox import (
    WEEK,
    Choice,
    Delivery,
    Filter,
    Inbox,
    Order,
    Route,
    Routes,
    Run,
    Stats,
    wanted_by,
)
from planado_async.webhooks.intake import (
    MAX_BODY,
    Intake,
    Secrets,
    checked_max_body,
    checked_secrets,
)
from planado_async.webhooks.receiver import add_health, receiver
from planado_async.webhooks.sqlite import SqliteInbox

SECRET_VARIABLE = "PLANADO_WEBHOOK_SECRET"
WHERE = "Settings / Integrations / Webhooks"
"""Where Planado's web app keeps webhooks; no API can make or change one."""
KINDS = ("job", "client", "site")
"""What has versions, each of which Planado tells of by an event `…_updated`."""
_LOOK_AGAIN = 0.01
"""Seconds between two looks whether everything is handled."""


class Subscription(Protocol):
    """A webhook as Planado's account lists it."""

    @property
    def uuid(self) -> str:
        """Its id."""
        ...

    @property
    def url(self) -> str | None:
        """Where it sends events."""
        ...

    @property
    def event_types(self) -> Sequence[str]:
        """Which events it sends."""
        ...

    @property
    def secret(self) -> str | Secret | None:
        """What it sends as proof of origin."""
        ...


class Subscriptions(Protocol):
    """Lists an account's webhooks."""

    def list(self) -> AsyncIterable[Subscription]:
        """Walk over the webhooks."""
        ...


class Account(Protocol):
    """What `check` needs of a client; `Planado` is one."""

    @property
    def webhooks(self) -> Subscriptions:
        """The account's webhooks."""
        ...


@attrs.frozen(kw_only=True)
class Check:
    """What `Webhooks.check` found: sentences saying what to click in Planado, or none."""

    problems: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether the handlers will get what they need."""
        return not self.problems


class Webhooks:
    """Receives Planado's webhooks, keeps them in an inbox and calls handlers for them.

    `inbox` is the path of an SQLite file, or an inbox that the caller opens and closes. `secret` is
    the one set in Planado, several while it is being changed, or by default what the variable
    PLANADO_WEBHOOK_SECRET holds; `insecure=True` does without. `repair` fetches what was missed, as
    `planado_async.sync.Repair` does. The rest is as in `Dispatcher` and `receiver`.
    """

    def __init__(
        self,
        inbox: str | Path | Inbox,
        *,
        secret: Secrets = None,
        insecure: bool = False,
        repair: FetchMissed | None = None,
        concurrency: int = 32,
        handler_timeout: float = 60.0,
        lease: float = 90.0,
        drain: float = 10.0,
        speed: float = 1.0,
        keep_done: float | None = WEEK,
        keep_dead: float | None = None,
        max_body: int = MAX_BODY,
    ) -> None:
        given = os.environ.get(SECRET_VARIABLE) if secret is None else secret
        self._secrets = checked_secrets(given, insecure=insecure)
        self._insecure = insecure
        self._max_body = checked_max_body(max_body)
        self._owns_inbox = isinstance(inbox, str | Path)
        self.inbox: Inbox = _inbox_at(inbox) if isinstance(inbox, str | Path) else inbox
        self._dispatcher = Dispatcher(
            self.inbox,
            repair=repair,
            concurrency=concurrency,
            handler_timeout=handler_timeout,
            lease=lease,
            drain=drain,
            speed=speed,
            keep_done=keep_done,
            keep_dead=keep_dead,
        )
        self._stack: AsyncExitStack | None = None

    def on(
        self,
        pattern: str,
        *,
        name: str | None = None,
        order: Order = "every",
        gap_timeout: float = 60.0,
    ) -> Callable[[HandlerT], HandlerT]:
        """Register an async function for event types, as `Dispatcher.on` does."""
        return self._dispatcher.on(pattern, name=name, order=order, gap_timeout=gap_timeout)

    def mount(self, app: web.Application | Routed, path: str, *, health: str | None = None) -> None:
        """Answer webhooks at `path` of an app, and questions about health at another path.

        An aiohttp app starts and drains this object with itself. An app of Starlette or FastAPI
        does not: enter `async with hooks` in its lifespan.
        """
        prefix = _mountable(path).rstrip("/")
        asked_at = None if health is None else _mountable(health)
        if isinstance(app, web.Application):
            self._mount_aiohttp(app, prefix, asked_at)
        else:
            self._mount_asgi(app, prefix, asked_at)

    def _mount_aiohttp(self, app: web.Application, prefix: str, health: str | None) -> None:
        if health:
            add_health(app, health, Health(self.inbox, self._secrets))
        app.add_subapp(prefix, self.receiver())
        app.cleanup_ctx.append(self._live)
        app[webhooks_key] = self

    def _mount_asgi(self, app: Routed, prefix: str, health: str | None) -> None:
        if health:
            app.add_route(health, HealthAsgi(Health(self.inbox, self._secrets)))
        receiver = Asgi(self._intake())
        app.add_route(prefix, receiver)  # a mount alone would redirect what has no slash at its end
        app.mount(prefix, receiver)

    def receiver(self) -> web.Application:
        """Return the aiohttp sub-app alone, for those who run the rest with `async with`."""
        return receiver(
            self.inbox, secrets=self._secrets, max_body=self._max_body, insecure=self._insecure
        )

    def asgi(self, *, health: str | None = None) -> Asgi:
        """Return an ASGI app to run by itself: it starts and drains this object with the server.

        It answers webhooks at every path but `health`. A framework that mounts it runs this object
        with `async with` in its own lifespan.
        """
        if health is None:
            return Asgi(self._intake(), live=self)
        told = (_mountable(health), Health(self.inbox, self._secrets))
        return Asgi(self._intake(), health=told, live=self)

    def _intake(self) -> Intake:
        return Intake(
            self.inbox, secrets=self._secrets, max_body=self._max_body, insecure=self._insecure
        )

    async def _live(self, _: web.Application) -> AsyncIterator[None]:
        async with self:
            yield

    async def __aenter__(self) -> "Webhooks":
        async with AsyncExitStack() as stack:
            if self._owns_inbox:
                await self.inbox.open()
                stack.push_async_callback(self.inbox.close)
            await stack.enter_async_context(self._dispatcher)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stack, self._stack = self._stack, None
        if stack:
            await stack.aclose()

    async def settled(self, timeout: float = 10.0) -> None:
        """Wait until every delivery of the inbox is done or dead; for tests.

        What a handler failed on waits for its next attempt; a test divides that time with `speed`.
        Raises TimeoutError if deliveries are still waiting after `timeout` seconds.
        """
        counts = await self.inbox.counts()
        end = asyncio.get_running_loop().time() + timeout
        while counts.waiting:  # an inbox tells one subscriber, the dispatcher
            if asyncio.get_running_loop().time() >= end:
                raise TimeoutError(
                    f"{counts.waiting} deliveries are still waiting after {timeout:g} s, "
                    f"{counts.claimed} of their runs in a handler; the log tells what failed"
                )
            await asyncio.sleep(_LOOK_AGAIN)
            counts = await self.inbox.counts()

    async def stats(self) -> Stats:
        """Tell what waits, what was done and what is dead, also by handler."""
        return await self.inbox.stats()

    async def deliveries(
        self, *, after: int = 0, limit: int = 100, **which: Unpack[Filter]
    ) -> Sequence[Delivery]:
        """Return up to `limit` deliveries in order of arrival; go on `after` the last one's `seq`.

        Choose by `event_uuid`, `event_type` (or a pattern), `entity_uuid`, `handler`, `state`,
        `received_after` and `received_before`.
        """
        return await self.inbox.deliveries(after=after, limit=limit, **which)

    async def delivery(self, event_uuid: str) -> Delivery | None:
        """Return one delivery with its body, or None."""
        return await self.inbox.delivery(event_uuid)

    async def runs(self, event_uuid: str) -> Sequence[Run]:
        """Return how one delivery fares with each handler that wants it."""
        return await self.inbox.runs(event_uuid)

    async def replay(self, *, done: bool = False, **which: Unpack[Choice]) -> int:
        """Call handlers again for dead letters, with `done` also for what they have done.

        Choose as in `deliveries`; without a choice all dead letters are meant. The runs begin
        with the first attempt, and go whatever their version. With `done`, a handler that came
        later gets the old events it wants, too. Returns how many runs wait now; what was pruned
        cannot be replayed. Raises ConfigurationError for a handler that is not registered, and for
        `done` without any choice.
        """
        self._check_handler(which.get("handler"))
        if done and not which:
            raise ConfigurationError(
                "replay(done=True) would repeat all there is: say which, as by "
                "event_type=…, handler=… or received_after=…"
            )
        return await self.inbox.replay(self._dispatcher.routes, done=done, **which)

    def _check_handler(self, name: str | None) -> None:
        known = self._dispatcher.routes
        if name is not None and name not in known:
            raise ConfigurationError(
                f"no handler is called {name!r}; registered are: {', '.join(known) or 'none'}"
            )

    async def drop(self, **which: Unpack[Choice]) -> int:
        """Set dead letters aside for good: they count as done, and as dropped; return how many.

        Choose as in `deliveries`; without a choice all of them are meant.
        """
        return await self.inbox.drop(**which)

    async def export(self, target: Target, **which: Unpack[Filter]) -> int:
        """Write deliveries as JSON lines to a path or a binary file; return how many.

        Choose as in `deliveries`. Each line has the fields of `Delivery`, with `body` as text, or
        `body_base64` where it is not UTF-8, and `runs`. A file at the path is replaced.
        """
        return await export(self.inbox, target, **which)

    async def check(self, planado: Account, *, url: str | None = None) -> Check:
        """Compare the account's webhooks with what this receiver and its handlers need.

        `url` is the public address of the receiver; without it any webhook of the account may be
        the one meant. Costs one call.
        """
        found = [one async for one in planado.webhooks.list()]
        return Check(problems=_problems(found, url, self._secrets, self._dispatcher.routes))


webhooks_key: web.AppKey[Webhooks] = web.AppKey("planado_webhooks", Webhooks)
"""Where a mounted Webhooks is found in its app."""


def _mountable(path: str) -> str:
    if not path.startswith("/") or not path.rstrip("/"):
        raise ConfigurationError(
            f"mount() needs a path such as '/planado', and for health '/health', not {path!r}"
        )
    return path


def _inbox_at(path: str | Path) -> Inbox:
    if str(path).startswith(("postgresql:", "postgres:")):
        raise ConfigurationError(
            "an inbox in PostgreSQL is not available yet; give the path of an SQLite file"
        )
    return SqliteInbox(path)


def _problems(
    found: Sequence[Subscription],
    url: str | None,
    secrets: Sequence[Secret],
    routes: Routes,
) -> Sequence[str]:
    wanted = [pattern for route in routes.values() for pattern in route.patterns]
    mine = [one for one in found if url is None or _same_url(one.url, url)]
    if not mine:
        return [_missing(url, wanted)]
    problems = [*_doubled(mine, url), *_bad_secrets(mine, url, secrets)]
    sent = sorted({name for one in mine for name in one.event_types})
    problems += [_unsent(pattern, url) for pattern in wanted if not _matches(pattern, sent)]
    return problems + [
        problem
        for name, route in routes.items()
        if route.order == "strict"
        for kind in _kinds(route, sent)
        for problem in _gaps_for_ever(name, route, f"{kind}_updated", sent)
    ]


def _missing(url: str | None, wanted: Sequence[str]) -> str:
    names = ", ".join(dict.fromkeys(wanted)) or "the events you need"
    return (
        f"No webhook sends to {url or 'this receiver'}. In Planado open {WHERE}, add one with "
        f"{f'the URL {url}' if url else 'its URL'} and its secret, and tick: {names}."
    )


def _doubled(mine: Sequence[Subscription], url: str | None) -> list[str]:
    if url is None or len(mine) == 1:
        return []
    return [
        f"{len(mine)} webhooks send to {url}, so events may come more than once. "
        f"In Planado open {WHERE} and remove all but one."
    ]


def _bad_secrets(
    mine: Sequence[Subscription], url: str | None, secrets: Sequence[Secret]
) -> list[str]:
    bad = [one for one in mine if secrets and not _valid(one.secret, secrets)]
    if url is None and len(bad) < len(mine):
        return []  # the others may send to someone else
    return [
        f"The webhook {one.uuid} to {one.url} has {'another' if one.secret else 'no'} secret. "
        f"In Planado open {WHERE}, choose it and set the secret this receiver was given."
        for one in bad
    ]


def _unsent(pattern: str, url: str | None) -> str:
    return (
        f"A handler waits for {pattern!r} but no webhook to {url or 'this receiver'} sends it. "
        f"In Planado open {WHERE}, choose the webhook and tick the event."
    )


def _kinds(route: Route, sent: Sequence[str]) -> list[str]:
    """Return the kinds of entity that a handler gets events of, or waits for."""
    types = [name for name in (*sent, *route.patterns) if wanted_by({"": route}, name)]
    prefixes = {name.partition("_")[0] for name in types}
    return [kind for kind in KINDS if kind in prefixes]


def _gaps_for_ever(name: str, route: Route, updated: str, sent: Sequence[str]) -> list[str]:
    """Say why a handler with order "strict" would wait for versions that never come."""
    told = f'The handler {name} has order="strict", and every change sends {updated!r}'
    if not wanted_by({"": route}, updated):
        return [
            f"{told}, which it does not want: other changes are gaps to it. "
            f'Register it for {updated!r} too, or give it order="latest".'
        ]
    if updated in sent or updated in route.patterns:  # that one is told as one nobody sends
        return []
    return [
        f"{told}, but no webhook sends it: other changes are gaps to it. "
        f"In Planado open {WHERE}, choose the webhook and tick {updated}."
    ]


def _valid(secret: str | Secret | None, secrets: Sequence[Secret]) -> bool:
    text = secret.reveal() if isinstance(secret, Secret) else secret or ""
    return any(one.matches(text.encode("utf-8", "surrogatepass")) for one in secrets)


def _matches(pattern: str, sent: Sequence[str]) -> bool:
    return any(wanted_by({"": Route((pattern,))}, name) for name in sent)


def _same_url(one: str | None, other: str) -> bool:
    return one is not None and one.rstrip("/") == other.rstrip("/")
