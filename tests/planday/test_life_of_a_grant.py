"""From the first click to the day the administrator leaves, and on: the whole client."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from yarl import URL

from planado_async.core.errors import (
    AuthenticationError,
    ConfigurationError,
    DeadlineExceededError,
    ReauthorisationRequiredError,
    ScopeError,
    TryTimeoutError,
    UnexpectedResponseError,
)
from planado_async.core.limiter_chain import in_window
from planado_async.core.retry import RetryPolicy
from planado_async.core.secret import Secret
from planado_async.emulator import Emulator
from planado_async.emulator.planday.scopes import REST
from planado_async.planday import client as client_module
from planado_async.planday.client import ROSTER_SCOPES, Planday, PlandayPortals
from planado_async.planday.tokens import FileTokenStore, Grant, MemoryTokenStore
from tests.planday.test_authorisation import Late
from tests.virtual_time import VirtualTimeLoop


def client(emulator: Emulator, **options: Any) -> Planday:
    """A client of the first portal, with the grant of the start unless a store has another."""
    given: dict[str, Any] = (
        {} if "store" in options else {"refresh_token": emulator.planday_refresh_token}
    )
    urls: dict[str, Any] = {"base_url": emulator.planday_url, "identity_url": emulator.identity_url}
    return Planday(emulator.planday_app_id, **given, **urls, **options)


def counted(emulator: Emulator) -> Any:
    return emulator.planday.counters()


async def test_the_life_of_a_grant(emulator: Emulator, tmp_path: Path) -> None:
    """Created, authorised, used, lost with its administrator, given again: no call is lost."""
    planday, portal_id = emulator.planday, emulator.planday_portal_id
    app = planday.create_app(portal_id, "our service", ["shift:read", "employee:read"])
    mette, jens = sorted(admin for portal, admin in planday.access.admins if portal == portal_id)
    store = FileTokenStore(tmp_path)
    grant = planday.authorise(portal_id, app.app_id, mette)
    await store.save(
        Grant(portal="acme", app_id=app.app_id, refresh_token=Secret(grant.refresh_token))
    )
    calls = Planday(
        app.app_id,
        store=store,
        portal="acme",
        base_url=emulator.planday_url,
        identity_url=emulator.identity_url,
        reauthorisation_wait=None,
    )
    async with calls as ours:
        shifts = await ours.shifts.list().collect()
        assert shifts
        planday.deactivate_admin(portal_id, mette)

        failing = ours.with_options(deadline=2.0)
        with pytest.raises(DeadlineExceededError):
            await failing.shifts.list().collect()

        waiting = [asyncio.create_task(ours.shifts.get(each.id)) for each in shifts[:20]]
        await asyncio.sleep(1200.0)
        assert not any(each.done() for each in waiting)

        again = planday.authorise(portal_id, app.app_id, jens)
        (tmp_path / f"acme@{app.app_id}.json").write_text(
            f'{{"refresh_token": "{again.refresh_token}"}}'
        )
        assert await asyncio.gather(*waiting) == shifts[:20]


async def test_without_waiting_one_call_tells_it(emulator: Emulator) -> None:
    """The first call after the administrator left fails with what to click, and so do the next."""
    async with client(emulator) as planday:
        await planday.shifts.list().collect()
        grant = emulator.planday.first_grant
        emulator.planday.deactivate_admin(grant.portal_id, grant.admin_id)
        before = sum(counted(emulator)["tokens"].values())
        for _ in range(50):
            with pytest.raises(ReauthorisationRequiredError, match="press Authorise") as caught:
                await planday.shifts.list().collect()
        assert caught.value.app_id == emulator.planday_app_id
        assert "shift:read" in caught.value.scopes
        assert sum(counted(emulator)["tokens"].values()) == before + 1
        jens = max(admin for portal, admin in emulator.planday.access.admins)
        again = emulator.planday.authorise(grant.portal_id, grant.app_id, jens)
        await planday.reauthorise(again.refresh_token)
        assert await planday.shifts.list().collect()


# --- While a token is renewed ---------------------------------------------------------------------

NEARLY_OVER = 3597.0
"""Seconds after which a token that lives for an hour is being renewed."""


async def filed(emulator: Emulator, directory: Path) -> FileTokenStore:
    """A directory that holds the grant of the start."""
    store = FileTokenStore(directory)
    await store.save(
        Grant(
            portal="acme",
            app_id=emulator.planday_app_id,
            refresh_token=Secret(emulator.planday_refresh_token),
        )
    )
    return store


def late(planday: Planday) -> Planday:
    """A client whose tokens are a while on their way."""
    planday._authorisation._identity = Late(planday._identity)
    return planday


async def test_closing_in_the_middle_of_a_renewal_loses_no_grant(
    emulator: Emulator, tmp_path: Path
) -> None:
    """The token that replaces the one before is waited for and kept, also if no call waits."""
    emulator.planday.settings(rotate_refresh_tokens=True)
    store = await filed(emulator, tmp_path)
    for after in (0.0, NEARLY_OVER):
        async with late(client(emulator, store=store, portal="acme")) as planday:
            if after:
                await planday.portal.info()
                await asyncio.sleep(after)
            before = await store.load("acme", emulator.planday_app_id)
            call = asyncio.create_task(planday.portal.info())
            await asyncio.sleep(0.2)
            assert await store.load("acme", emulator.planday_app_id) == before
        assert await store.load("acme", emulator.planday_app_id) != before
        await asyncio.wait([call])
    async with client(emulator, store=store, portal="acme") as planday:
        await planday.portal.info()


async def test_two_processes_with_one_directory_lose_no_grant(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where tokens rotate, both renew at the same moments, early or late, and no call fails."""
    emulator.planday.settings(rotate_refresh_tokens=True, access_token_for=60.0)
    await filed(emulator, tmp_path)
    one, other = (
        late(client(emulator, store=FileTokenStore(tmp_path), portal="acme")) for _ in range(2)
    )
    async with one, other:
        for seconds in [58.0] * 20 + [61.0] * 20:
            await asyncio.gather(*(each.portal.info() for each in (one, other)))
            await asyncio.sleep(seconds)
    assert counted(emulator)["tokens"]["invalid_grant"] >= 20
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.parametrize(
    ("fault", "ends_as"),
    [
        ({"kind": "delay", "seconds": 1e5}, TryTimeoutError),
        (
            {"kind": "status", "status": 400, "body": '{"error": "invalid_grant"}'},
            ReauthorisationRequiredError,
        ),
    ],
)
async def test_a_token_is_used_to_its_end(
    emulator: Emulator, fault: dict[str, Any], ends_as: type[Exception]
) -> None:
    """Whatever the identity server does before that, calls neither wait nor fail."""
    now = asyncio.get_running_loop().time
    policy = RetryPolicy(attempts=1)
    async with client(emulator, timeout=20.0, retries=policy) as planday:
        await planday.portal.info()
        end = now() + 3600.0
        await asyncio.sleep(3535.0)
        emulator.planday.fault(fault.pop("kind"), path="/connect/token", count=None, **fault)
        while now() < end - 1.0:
            began = now()
            await planday.portal.info()
            assert now() - began < 1.0
            await asyncio.sleep(1.0)
        await asyncio.sleep(2.0)
        with pytest.raises(ends_as):
            await planday.portal.info()


async def test_an_api_that_takes_no_token_costs_few_renewals(emulator: Emulator) -> None:
    """Where a new token helps nothing, another is had once in half a minute, not for each call."""
    async with client(emulator) as planday:
        await planday.portal.info()
        emulator.planday.fault("status", path="/portal/*", status=401, count=None)
        for _ in range(120):
            with pytest.raises(AuthenticationError, match="still active in Planday"):
                await planday.portal.info()
            await asyncio.sleep(1.0)
    assert 4 <= counted(emulator)["tokens"]["issued"] <= 6


async def test_tokens_that_end_while_calls_queue_fail_none(emulator: Emulator) -> None:
    """A line that is longer than a token lives is worked off, and no call is refused on the way."""
    emulator.planday.settings(access_token_for=10.0)
    emulator.planday.fault("delay", path="/portal/*", seconds=0.7, count=None)
    async with client(emulator, in_flight=30) as planday:
        infos = await asyncio.gather(*(planday.portal.info() for _ in range(300)))
    assert len(infos) == 300
    assert counted(emulator)["statuses"] == {"200": 300}
    assert counted(emulator)["tokens"]["issued"] >= 3


async def test_calls_wait_on_while_the_store_cannot_be_read(
    emulator: Emulator, tmp_path: Path
) -> None:
    """An editor that empties the file before it writes fails none of those that wait."""
    store = await filed(emulator, tmp_path)
    async with client(emulator, store=store, portal="acme", reauthorisation_wait=None) as planday:
        grant = emulator.planday.first_grant
        emulator.planday.deactivate_admin(grant.portal_id, grant.admin_id)
        waiting = [asyncio.create_task(planday.portal.info()) for _ in range(5)]
        await asyncio.sleep(3600.0)
        file = tmp_path / f"acme@{emulator.planday_app_id}.json"
        file.write_text("")
        await asyncio.sleep(30.0)
        assert not any(each.done() for each in waiting)
        jens = max(admin for _, admin in emulator.planday.access.admins)
        again = emulator.planday.authorise(grant.portal_id, grant.app_id, jens)
        file.write_text(f'{{"refresh_token": "{again.refresh_token}"}}')
        assert len(await asyncio.gather(*waiting)) == 5


def test_a_client_is_used_in_one_loop_after_another() -> None:
    """What it knows of the loop of before, a token and its end, does not reach the next."""

    async def use(planday: Planday | None, port: int) -> tuple[Planday, int]:
        async with Emulator(port=port) as emulator:
            planday = planday or client(emulator)
            async with planday:
                await planday.portal.info()
            assert counted(emulator)["tokens"] == {"issued": 1}
            assert counted(emulator)["unauthorised"] == 0
            return planday, URL(emulator.planday_url).port or 0

    planday, port = None, 0
    for _ in range(2):
        with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
            planday, port = runner.run(use(planday, port))


# --- The check ------------------------------------------------------------------------------------


async def test_a_check_tells_a_lost_grant_from_a_bad_moment(emulator: Emulator) -> None:
    """Of a server that is down nothing follows for the token."""
    async with client(emulator, retries=RetryPolicy(attempts=1)) as planday:
        for path in ("/portal/*", "/connect/token"):
            emulator.planday.fault("status", path=path, status=503, count=1)
        unasked = await planday.check()
        await asyncio.sleep(6.0)
        down = await planday.check()
        well = await planday.check()
        grant = emulator.planday.first_grant
        emulator.planday.revoke(grant.portal_id, grant.app_id)
        lost = await planday.check()
    checks = (unasked, down, well, lost)
    assert [each.token_alive for each in checks] == [None, None, True, False]
    assert [each.ok for each in checks] == [False, False, True, False]
    assert "press Authorise" in lost.problems[0]


async def test_a_check_waits_for_nobody(emulator: Emulator) -> None:
    """Also where calls wait for an administrator as long as it takes."""
    grant = emulator.planday.first_grant
    async with client(emulator, reauthorisation_wait=None) as planday:
        emulator.planday.revoke(grant.portal_id, grant.app_id)
        waiting = asyncio.create_task(planday.portal.info())
        await asyncio.sleep(60.0)
        async with asyncio.timeout(1.0):
            check = await planday.check()
        assert (check.token_alive, waiting.done()) == (False, False)
        waiting.cancel()
        await asyncio.wait([waiting])


# --- Three portals with one App ID ----------------------------------------------------------------


@asynccontextmanager
async def three_portals(emulator: Emulator, **options: Any) -> AsyncIterator[PlandayPortals]:
    """Three portals that have connected the App ID of the first, and authorised it."""
    planday, first = emulator.planday, emulator.planday.first_grant
    grants = [first]
    for name in ("Globex", "Initech"):
        portal = planday.add_portal(name)
        admin = planday.add_admin(portal.id, "Ada Berg")
        planday.connect_app(portal.id, first.app_id)
        grants.append(planday.authorise(portal.id, first.app_id, admin.id))
    store = MemoryTokenStore(
        *(
            Grant(
                portal=str(each.portal_id),
                app_id=first.app_id,
                refresh_token=Secret(each.refresh_token),
            )
            for each in grants
        )
    )
    urls: dict[str, Any] = {"base_url": emulator.planday_url, "identity_url": emulator.identity_url}
    async with PlandayPortals(first.app_id, store, **urls, **options) as portals:
        yield portals


async def test_each_portal_has_a_token_of_its_own(emulator: Emulator) -> None:
    """Three grants of one App ID open three portals, each with its own data."""
    async with three_portals(emulator) as portals:
        names = await portals.names()
        clients = [await portals.portal(name) for name in names]
        infos = [await each.portal.info() for each in clients]
        assert [str(info.id) for info in infos] == names
        assert len({info.name for info in infos}) == 3
        assert await portals.portal(names[0]) is clients[0]


async def test_one_that_loses_its_grant_leaves_two_working(emulator: Emulator) -> None:
    """A deactivated administrator takes one portal along; the check says which."""
    async with three_portals(emulator) as portals:
        names = await portals.names()
        clients = [await portals.portal(name) for name in names]
        await asyncio.gather(*(each.portal.info() for each in clients))
        grant = emulator.planday.first_grant
        emulator.planday.deactivate_admin(grant.portal_id, grant.admin_id)
        outcomes = await asyncio.gather(
            *(each.portal.info() for each in clients), return_exceptions=True
        )
        lost = [isinstance(each, ReauthorisationRequiredError) for each in outcomes]
        assert lost == [name == str(grant.portal_id) for name in names]
        checks = await portals.check()
        assert [each.token_alive for each in checks] == [not each for each in lost]
        assert [each.portal for each in checks if not each.ok] == [str(grant.portal_id)]


async def test_one_that_waits_takes_no_budget_from_the_others(emulator: Emulator) -> None:
    """Calls that wait for a token hold no place in the App ID's budget."""
    async with three_portals(emulator, reauthorisation_wait=None) as portals:
        names = await portals.names()
        grant = emulator.planday.first_grant
        lost = await portals.portal(grant.portal_id)
        emulator.planday.deactivate_admin(grant.portal_id, grant.admin_id)
        waiting = [asyncio.create_task(lost.portal.info()) for _ in range(100)]
        await asyncio.sleep(1200.0)
        others = [await portals.portal(name) for name in names if name != str(grant.portal_id)]
        for other in others:
            await other.portal.info()
        assert lost.budget.in_flight == 0
        for each in waiting:
            each.cancel()
        await asyncio.wait(waiting)


async def test_the_budget_of_the_app_id_is_shared(emulator: Emulator) -> None:
    """Three portals at full speed are never refused, neither theirs nor the App ID's limits."""
    emulator.planday.settings(
        portal_per_second=20, portal_per_minute=750, client_per_second=100, client_per_minute=1000
    )

    app_rate = (in_window(100, 1.0), in_window(1000, 60.0))
    async with three_portals(emulator, app_rate=app_rate) as portals:
        clients = [await portals.portal(name) for name in await portals.names()]
        began = asyncio.get_running_loop().time()
        await asyncio.gather(*(each.portal.info() for each in clients for _ in range(600)))
        took = asyncio.get_running_loop().time() - began
    assert counted(emulator)["refusals"] == 0
    assert took < 1.15 * 1800 / (900 / 60.0)


async def test_portals_that_are_not_open_are_refused(emulator: Emulator) -> None:
    """Before they are opened and after the last `async with` around them has ended."""
    store = MemoryTokenStore()
    portals = PlandayPortals(emulator.planday_app_id, store)
    with pytest.raises(ConfigurationError, match="use `async with` around them"):
        await portals.portal("acme")
    async with portals:
        await portals.portal("acme")
    with pytest.raises(ConfigurationError, match="use `async with` around them"):
        await portals.portal("acme")


async def test_portals_are_open_until_the_last_has_closed_them(emulator: Emulator) -> None:
    """Of two `async with` around them, the inner one closes nothing."""
    name = str(emulator.planday_portal_id)
    async with three_portals(emulator) as portals:
        async with portals:
            inside = await portals.portal(name)
            await inside.portal.info()
        assert await portals.portal(name) is inside
        await inside.portal.info()
    with pytest.raises(ConfigurationError, match="use `async with`"):
        await inside.portal.info()


async def test_portals_can_be_opened_again(emulator: Emulator) -> None:
    """With a session and clients of their own each time."""
    name = str(emulator.planday_portal_id)
    async with three_portals(emulator) as portals:
        first = await portals.portal(name)
    async with portals:
        second = await portals.portal(name)
        await second.portal.info()
    assert second is not first


async def test_a_session_that_is_given_to_portals_is_left_open(emulator: Emulator) -> None:
    """It is its maker's to close."""
    async with aiohttp.ClientSession() as session:
        async with three_portals(emulator, session=session) as portals:
            planday = await portals.portal(emulator.planday_portal_id)
            await planday.portal.info()
        assert not session.closed


# --- Bad input ------------------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", " ", "two words", "tökén"])
def test_a_malformed_token_is_refused_at_once(emulator: Emulator, token: str) -> None:
    """Before any call, with where to copy it from."""
    with pytest.raises(ConfigurationError, match="copy it whole"):
        Planday(emulator.planday_app_id, token)


@pytest.mark.parametrize("token", ["0123456789abcdefghijkl", "x"])
async def test_a_foreign_token_says_who_must_authorise(emulator: Emulator, token: str) -> None:
    """A token that the identity server does not know is told as one to be had anew."""
    async with client(emulator, store=MemoryTokenStore()) as planday:
        await planday.reauthorise(token)
        with pytest.raises(ReauthorisationRequiredError, match="no longer takes its token"):
            await planday.portal.info()


async def test_a_revoked_grant_is_told(emulator: Emulator) -> None:
    """Revoke in the settings has the effect of a lost administrator."""
    grant = emulator.planday.first_grant
    async with client(emulator) as planday:
        await planday.portal.info()
        emulator.planday.revoke(grant.portal_id, grant.app_id)
        with pytest.raises(ReauthorisationRequiredError):
            await planday.portal.info()


async def test_the_token_of_another_app_is_told(emulator: Emulator) -> None:
    """An App ID and a token that do not belong together give no access token."""
    grant = emulator.planday.first_grant
    other = emulator.planday.create_app(grant.portal_id, "other", ["shift:read"])
    urls: dict[str, Any] = {"base_url": emulator.planday_url, "identity_url": emulator.identity_url}
    async with Planday(other.app_id, grant.refresh_token, **urls) as planday:
        with pytest.raises(ReauthorisationRequiredError):
            await planday.portal.info()


async def test_a_scope_that_is_missing_is_named(emulator: Emulator) -> None:
    """A portal's grant without a scope fails the calls that need it, and only these."""
    grant = emulator.planday.first_grant
    app = emulator.planday.create_app(grant.portal_id, "narrow", ["shift:read"])
    narrow = emulator.planday.authorise(grant.portal_id, app.app_id, grant.admin_id)
    urls: dict[str, Any] = {"base_url": emulator.planday_url, "identity_url": emulator.identity_url}
    async with Planday(app.app_id, narrow.refresh_token, **urls) as planday:
        assert await planday.shifts.list().collect()
        with pytest.raises(ScopeError) as caught:
            await planday.employees.list().collect()
        assert caught.value.scope == "employee:read"
        check = await planday.check(needs=("shift:read", "employee:read"))
    assert (check.token_alive, check.missing) == (True, ("employee:read",))
    assert not check.ok


async def test_html_in_place_of_json_is_no_data(emulator: Emulator) -> None:
    """A page under a 200 is an error, not an empty answer."""
    emulator.planday.fault("not_json", path="/hr/*")
    async with client(emulator) as planday:
        with pytest.raises(UnexpectedResponseError, match="not a JSON object"):
            await planday.departments.list().collect()


@pytest.mark.parametrize("ahead", [3600.0, -3600.0])
async def test_a_clock_that_is_wrong_by_an_hour_does_no_harm(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch, ahead: float
) -> None:
    """Tokens live by the loop's clock and filters by what is asked; `check` tells the skew."""

    class Wrong(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + timedelta(seconds=ahead)

    monkeypatch.setattr(client_module, "datetime", Wrong)
    async with client(emulator) as planday:
        check = await planday.check()
        assert check.ok
        assert check.clock_skew == pytest.approx(ahead, abs=60.0)
        assert await planday.shifts.list().collect()
        assert counted(emulator)["tokens"]["issued"] == 1


async def test_every_scope_but_those_of_no_endpoint_is_there(emulator: Emulator) -> None:
    """The client's own list of scopes is one that an app can be made with."""
    assert set(ROSTER_SCOPES) <= set(REST)


async def test_two_refusals_of_a_fresh_token_say_where_to_look(emulator: Emulator) -> None:
    """An access token that was just renewed and is refused points to App ID and administrator."""
    emulator.planday.fault("status", path="/portal/*", status=401, count=2)
    async with client(emulator) as planday:
        with pytest.raises(AuthenticationError, match="still active in Planday"):
            await planday.portal.info()


# --- Limits ---------------------------------------------------------------------------------------


async def test_what_others_have_spent_is_obeyed(emulator: Emulator) -> None:
    """When somebody else spends the portal's minute, calls wait for the next, unrefused."""
    emulator.planday.settings(portal_per_minute=40)
    async with client(emulator) as planday, client(emulator, rate=None) as greedy:
        await planday.portal.info()
        for _ in range(39):
            await greedy.portal.info()
        loop = asyncio.get_running_loop()
        await planday.portal.info()
        before = loop.time()
        await planday.portal.info()
        assert loop.time() - before < 65.0
        refused = counted(emulator)["refusals"]
    assert refused <= 1


@pytest.mark.parametrize("limit", [3, 8, 12])
async def test_limits_that_are_lower_than_told_are_obeyed(emulator: Emulator, limit: int) -> None:
    """Where a portal grants fewer calls a second, the answers' headers keep us from a refusal."""
    emulator.planday.settings(portal_per_second=limit)
    began = asyncio.get_running_loop().time()
    async with client(emulator) as planday:
        infos = await asyncio.gather(*(planday.portal.info() for _ in range(40)))
    assert len(infos) == 40
    assert counted(emulator)["refusals"] == 0
    assert asyncio.get_running_loop().time() - began < 1.6 * 40 / min(limit, 9) + 1.0


async def test_a_refusal_is_waited_out_and_nothing_is_lost(emulator: Emulator) -> None:
    """After a 429 the calls wait until the window ends, by its own word, and all are answered."""
    emulator.planday.fault("refuse_429", seconds=33.0)
    began = asyncio.get_running_loop().time()
    async with client(emulator) as planday:
        infos = await asyncio.gather(*(planday.portal.info() for _ in range(40)))
    assert len(infos) == 40
    assert counted(emulator)["refusals"] <= 8  # those in flight
    assert 33.0 <= asyncio.get_running_loop().time() - began < 45.0
