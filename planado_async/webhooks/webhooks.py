"""Inbox, receiver and dispatcher behind one object, for the case of a few lines.

hooks = Webhooks("inbox.db", secret="…")

@hooks.on("job_finished")
async def bill(event: JobEvent) -> None: ...

hooks.mount(app, "/planado")
"""

import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol

import attrs
from aiohttp import web

from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret
from planado_async.webhooks.dispatcher import Dispatcher, HandlerT
from planado_async.webhooks.inbox import Inbox, wanted_by
from planado_async.webhooks.receiver import MAX_BODY, checked_max_body, checked_secrets, receiver
from planado_async.webhooks.sqlite import SqliteInbox

SECRET_VARIABLE = "PLANADO_WEBHOOK_SECRET"
WHERE = "Settings / Integrations / Webhooks"
"""Where Planado's web app keeps webhooks; no API can make or change one."""


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
    PLANADO_WEBHOOK_SECRET holds; `insecure=True` does without. The rest is as in `Dispatcher` and
    `receiver`.
    """

    def __init__(
        self,
        inbox: str | Path | Inbox,
        *,
        secret: str | Secret | Iterable[str | Secret] | None = None,
        insecure: bool = False,
        concurrency: int = 32,
        handler_timeout: float = 60.0,
        lease: float = 90.0,
        drain: float = 10.0,
        speed: float = 1.0,
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
            concurrency=concurrency,
            handler_timeout=handler_timeout,
            lease=lease,
            drain=drain,
            speed=speed,
        )
        self._stack: AsyncExitStack | None = None

    def on(
        self, pattern: str, *, name: str | None = None, order: str = "every"
    ) -> Callable[[HandlerT], HandlerT]:
        """Register an async function for event types, as `Dispatcher.on` does."""
        return self._dispatcher.on(pattern, name=name, order=order)

    def mount(self, app: web.Application, path: str) -> None:
        """Answer webhooks at `path` of an aiohttp app; start with the app and drain with it."""
        prefix = path.rstrip("/")
        if not prefix.startswith("/"):
            raise ConfigurationError(f"mount() needs a path such as '/planado', not {path!r}")
        app.add_subapp(prefix, self.receiver())
        app.cleanup_ctx.append(self._live)
        app[webhooks_key] = self

    def receiver(self) -> web.Application:
        """Return the sub-app alone, for those who run the rest with `async with`."""
        return receiver(
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

    async def check(self, planado: Account, *, url: str | None = None) -> Check:
        """Compare the account's webhooks with what this receiver and its handlers need.

        `url` is the public address of the receiver; without it any webhook of the account may be
        the one meant. Costs one call.
        """
        found = [one async for one in planado.webhooks.list()]
        wanted = [pattern for patterns in self._dispatcher.routes.values() for pattern in patterns]
        return Check(problems=_problems(found, url, self._secrets, wanted))


webhooks_key: web.AppKey[Webhooks] = web.AppKey("planado_webhooks", Webhooks)
"""Where a mounted Webhooks is found in its app."""


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
    wanted: Sequence[str],
) -> Sequence[str]:
    mine = [one for one in found if url is None or _same_url(one.url, url)]
    if not mine:
        return [_missing(url, wanted)]
    problems = [*_doubled(mine, url), *_bad_secrets(mine, url, secrets)]
    sent = sorted({name for one in mine for name in one.event_types})
    return problems + [_unsent(pattern, url) for pattern in wanted if not _matches(pattern, sent)]


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


def _valid(secret: str | Secret | None, secrets: Sequence[Secret]) -> bool:
    text = secret.reveal() if isinstance(secret, Secret) else secret or ""
    return any(one.matches(text.encode("utf-8", "surrogatepass")) for one in secrets)


def _matches(pattern: str, sent: Sequence[str]) -> bool:
    return any(wanted_by({"": [pattern]}, name) for name in sent)


def _same_url(one: str | None, other: str) -> bool:
    return one is not None and one.rstrip("/") == other.rstrip("/")
