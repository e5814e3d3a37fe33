"""The emulator as an object."""

import asyncio
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp import web

from planado_async.emulator.account import Account
from planado_async.emulator.errors import EmulatorError
from planado_async.emulator.planday.emulator import PlandayEmulator
from planado_async.emulator.records import Json
from planado_async.emulator.server import (
    CONTROL_PREFIX,
    IDENTITY_PREFIX,
    PLANDAY_PREFIX,
    PORTAL_PREFIX,
    application,
)
from planado_async.emulator.settings import Settings, changed

# Real seconds that calls still running get when the emulator stops.
GRACE_S = 0.5
# Long, because the connector wakes up this often: in virtual time, a week holds 40,000 of the
# usual 15 s. Who closes first is the receiver.
KEEPALIVE_S = 3600.0
FASTEST = 1e6
# Seconds between two looks whether all webhooks have been sent.
LOOK_AGAIN_S = 0.01


class Emulator:
    """A local stand-in for Planado, and for Planday, over real HTTP.

    Use it with `async with`. `rate` is calls leaked per 60 emulated seconds and `burst` the size
    of the bucket; `speed` is how many emulated seconds pass in a real one; `start` is the moment at
    which its clock begins (aware; None is now); `seed` makes the key, the set-up and every draw
    the same again. Raises ValueError for figures that make no sense, OSError for a port in use.
    """

    def __init__(
        self,
        rate: float = 60,
        burst: float = 60,
        speed: float = 1.0,
        start: datetime | None = None,
        seed: int = 0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self._settings = _settings(rate, burst)
        if not 0 < speed <= FASTEST:
            raise ValueError(f"speed must be above 0 and at most {FASTEST:g}")
        if start is not None and start.tzinfo is None:
            raise ValueError("start must have a time zone")
        self._speed, self._start, self._seed = speed, start, seed
        self._host, self._port = host, port
        self._session: aiohttp.ClientSession | None = None
        self._runner: web.AppRunner | None = None
        self._account: Account | None = None

    async def __aenter__(self) -> Self:
        """Starts serving."""
        self._session = _session()
        self._account = Account(
            self._session,
            settings=self._settings,
            speed=self._speed,
            start=self._start,
            seed=self._seed,
        )
        self._runner = web.AppRunner(
            application(self._account), access_log=None, shutdown_timeout=GRACE_S
        )
        try:
            await self._runner.setup()
            await web.TCPSite(self._runner, self._host, self._port).start()
        except BaseException:
            await self._close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stops serving; what is on its way to webhooks is given up."""
        await self._close()

    async def _close(self) -> None:
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()
        if self._account is not None:
            await self._account.close()
        if self._session is not None:
            await self._session.close()

    @property
    def _running(self) -> Account:
        if self._account is None:
            raise RuntimeError("the emulator is not running: open it with async with")
        return self._account

    @property
    def _origin(self) -> str:
        if self._runner is None:
            raise RuntimeError("the emulator is not running: open it with async with")
        host, port = self._runner.addresses[0][:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    @property
    def url(self) -> str:
        """The base of the API; ends in /v2."""
        return f"{self._origin}/v2"

    @property
    def control_url(self) -> str:
        """The base of the control API; ends in /_emulator."""
        return f"{self._origin}{CONTROL_PREFIX}"

    @property
    def api_key(self) -> str:
        """The account's key."""
        return self._running.api_key

    @property
    def planday(self) -> PlandayEmulator:
        """Planday's half: portals, administrators, apps, grants and what the portals hold."""
        return self._running.planday

    @property
    def planday_url(self) -> str:
        """The base of Planday's APIs; that of the staff begins with `{planday_url}/hr/v1.0`."""
        return f"{self._origin}{PLANDAY_PREFIX}"

    @property
    def identity_url(self) -> str:
        """The base of Planday's identity host."""
        return f"{self._origin}{IDENTITY_PREFIX}"

    @property
    def settings_url(self) -> str:
        """The page API Access of the portal that is there at the start."""
        return f"{self._origin}{PORTAL_PREFIX}/{self.planday_portal_id}/settings/api-access"

    @property
    def planday_portal_id(self) -> int:
        """The portal that is there at the start."""
        return self.planday.first_grant.portal_id

    @property
    def planday_app_id(self) -> str:
        """The App ID that is authorised at the start, with every scope of the APIs."""
        return self.planday.first_grant.app_id

    @property
    def planday_refresh_token(self) -> str:
        """The refresh token with which that app begins."""
        return self.planday.first_grant.refresh_token

    def now(self) -> datetime:
        """The emulated moment."""
        return self._running.clock.now()

    def subscribe(
        self, url: str, secret: str | None = None, event_types: list[str] | None = None
    ) -> Json:
        """Subscribes a URL to events, to all of them if none are named."""
        return self._running.subscribe({"url": url, "secret": secret, "event_types": event_types})

    def unsubscribe(self, uuid: str) -> Json:
        """Removes a subscription and what is on its way to it."""
        return self._running.unsubscribe(uuid)

    def subscriptions(self) -> Json:
        """All subscriptions, with `suspended`, `failing_since` and `pending`."""
        return self._running.subscriptions()

    def resume(self, uuid: str) -> Json:
        """Lets a suspended subscription go on."""
        return self._running.resume(uuid)

    def act(
        self,
        job: str,
        action: str,
        *,
        resolution: str | None = None,
        comment: str | None = None,
        user: str | None = None,
    ) -> Json:
        """Lets a technician do en_route, start, suspend, resume, finish or cancel on a job.

        `job` is a uuid or an external id, `resolution` a uuid or a name, `user` a uuid or an
        e-mail address. Raises EmulatorError where the job's status forbids it.
        """
        told = {"resolution": resolution, "comment": comment, "user": user}
        return self._running.act(job, {"action": action, **told})

    def fault(self, kind: str, **details: Any) -> Json:
        """Orders a failure; see `faults` for kinds and details."""
        return self._running.order_fault({"kind": kind, **details})

    def faults(self) -> Json:
        """The failures on order, used up or not."""
        return self._running.ordered_faults()

    def cancel_faults(self, uuid: str | None = None) -> Json:
        """Takes back one order, or all."""
        return self._running.cancel_faults(uuid)

    def settings(self, **changes: Any) -> Json:
        """Changes settings, if any are given, and tells those in force."""
        return self._running.change_settings(changes)

    async def settled(self, timeout: float = 10.0) -> None:
        """Waits until every webhook on its way has been taken or given up; for tests.

        Raises TimeoutError if some are still on their way after `timeout` seconds of the loop.
        """
        end = asyncio.get_running_loop().time() + timeout
        while pending := self._running.deliveries.pending:
            if asyncio.get_running_loop().time() >= end:
                raise TimeoutError(
                    f"{pending} webhooks are still on their way after {timeout:g} s; "
                    "the log of their subscription tells what became of their attempts"
                )
            await asyncio.sleep(LOOK_AGAIN_S)

    def counters(self) -> Json:
        """What has happened so far, in numbers."""
        return self._running.count()

    def reset(self) -> Json:
        """Forgets everything but the clock and the uuids given out, in Planday's half too."""
        return self._running.reset()


def _session() -> aiohttp.ClientSession:
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S)
    return aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
    )


def _settings(rate: float, burst: float) -> Settings:
    try:
        return changed(Settings(), {"rate": rate, "burst": burst})
    except EmulatorError as problem:
        said = (f"{name} {text}" for name, says in problem.body["errors"].items() for text in says)
        raise ValueError("; ".join(said)) from None
