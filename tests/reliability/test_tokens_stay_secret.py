"""Planday's tokens and codes: in no error, no traceback with its locals, no pickle, no object."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import pytest

from planado_async import PlanadoError, RetryPolicy
from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret
from planado_async.emulator import Emulator
from planado_async.planday.client import Planday
from planado_async.planday.identity import CodeExchange
from planado_async.planday.tokens import FileTokenStore, Grant, MemoryTokenStore
from tests import canary
from tests.reliability.test_canary import check, pickled

CODE, VERIFIER = "canary-code-77", "canary-verifier-77-canary-verifier-77-canary-77"


@asynccontextmanager
async def opened(emulator: Emulator, **options: Any) -> AsyncIterator[Planday]:
    client = Planday(
        emulator.planday_app_id,
        emulator.planday_refresh_token,
        base_url=emulator.planday_url,
        identity_url=emulator.identity_url,
        rate=None,
        retries=RetryPolicy(attempts=2, refusals=1),
        timeout=3.0,
        **options,
    )
    async with client:
        yield client


def planted(emulator: Emulator) -> canary.Canaries:
    """All that the emulator has given out."""
    access = emulator.planday.access
    tokens = {grant.refresh_token for grant in access.grants.values()} | set(access._tokens)
    return canary.Canaries(CODE, VERIFIER, *tokens)


async def test_the_watch_looks_for_what_is_given_out(watch: canary.Watch) -> None:
    """A token that the emulator has made is found in any log, until the test is over."""
    async with Emulator() as emulator, opened(emulator) as planday:
        await planday.portal.info()
        (access,) = emulator.planday.access._tokens
        for token in (emulator.planday_refresh_token, access):
            logging.getLogger("planado_async").debug("got %s", token)
            assert len(watch.end()) == 1
            watch.plant(access)
            watch.plant(emulator.planday_refresh_token)


def leave(emulator: Emulator) -> None:
    admin_id = emulator.planday.first_grant.admin_id
    emulator.planday.deactivate_admin(emulator.planday_portal_id, admin_id)


async def lost(emulator: Emulator) -> None:
    leave(emulator)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def lost_in_the_middle(emulator: Emulator) -> None:
    async with opened(emulator) as planday:
        await planday.portal.info()
        leave(emulator)
        await planday.portal.info()


async def waited_in_vain(emulator: Emulator) -> None:
    leave(emulator)
    async with opened(emulator, reauthorisation_wait=30.0) as planday:
        await planday.portal.info()


async def deadline(emulator: Emulator) -> None:
    leave(emulator)
    async with opened(emulator, reauthorisation_wait=None, deadline=5.0) as planday:
        await planday.portal.info()


async def app_deleted(emulator: Emulator) -> None:
    emulator.planday.delete_app(emulator.planday_portal_id, emulator.planday_app_id)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def identity_down(emulator: Emulator) -> None:
    emulator.planday.fault("status", path="/connect/token", status=503, count=None)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def identity_cut(emulator: Emulator) -> None:
    emulator.planday.fault("cut_after", path="/connect/token", count=None)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def identity_slow(emulator: Emulator) -> None:
    emulator.planday.fault("delay", path="/connect/token", seconds=100.0, count=None)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def identity_page(emulator: Emulator) -> None:
    emulator.planday.fault("not_json", path="/connect/token", count=None)
    async with opened(emulator) as planday:
        await planday.portal.info()


def spoil(emulator: Emulator, kind: str, body: str, **details: Any) -> None:
    """Let the identity server answer with a body that quotes the token."""
    quoting = body % emulator.planday_refresh_token
    emulator.planday.fault(kind, path="/connect/token", count=None, body=quoting, **details)


async def identity_half_a_body(emulator: Emulator) -> None:
    spoil(emulator, "not_json", '{"access_token": "%s", "expires_in":')
    async with opened(emulator) as planday:
        await planday.portal.info()


async def identity_quotes_the_form(emulator: Emulator) -> None:
    spoil(emulator, "status", "<pre>POST /connect/token refresh_token=%s", status=500)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def identity_refuses_and_quotes(emulator: Emulator) -> None:
    told = '{"error": "invalid_grant", "error_description": "%s has expired"}'
    spoil(emulator, "status", told, status=400)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def identity_forbids(emulator: Emulator) -> None:
    spoil(emulator, "status", "<p>%s may not</p>", status=403)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def write_in_doubt(emulator: Emulator) -> None:
    async with opened(emulator) as planday:
        shifts = await planday.shifts.list().collect()
        emulator.planday.fault("cut_after", method="PUT", path="/scheduling/*")
        emulator.planday.fault("status", method="PUT", path="/scheduling/*", status=401)
        leave(emulator)
        await planday.shifts.approve(shifts[0].id)


async def token_refused_twice(emulator: Emulator) -> None:
    emulator.planday.fault("status", path="/portal/*", status=401, count=2)
    async with opened(emulator) as planday:
        await planday.portal.info()


async def create_cut(emulator: Emulator) -> None:
    emulator.planday.fault("cut_after", method="POST", path="/scheduling/*", count=None)
    async with opened(emulator) as planday:
        await planday.shifts.create(
            department_id=1001,
            employee_group_id=2001,
            date=date(2026, 11, 2),
            allow_conflicts=True,
            use_breaks=False,
        )


async def code_refused(emulator: Emulator) -> None:
    async with opened(emulator) as planday:
        exchange = CodeExchange(
            code=Secret(CODE), redirect_uri="http://127.0.0.1:1/x", verifier=Secret(VERIFIER)
        )
        await planday._authorisation._identity.exchange(emulator.planday_app_id, exchange)


async def code_lost(emulator: Emulator) -> None:
    emulator.planday.fault("cut_after", path="/connect/token", count=None)
    await code_refused(emulator)


async def revocation_lost(emulator: Emulator) -> None:
    emulator.planday.fault("cut_after", path="/connect/revocation", count=None)
    async with opened(emulator) as planday:
        token = Secret(emulator.planday_refresh_token)
        await planday._authorisation._identity.revoke(emulator.planday_app_id, token)


async def closed_meanwhile(emulator: Emulator) -> None:
    leave(emulator)
    async with opened(emulator, reauthorisation_wait=None) as planday:
        call = asyncio.create_task(planday.portal.info())
        await asyncio.sleep(10.0)
    await call


async def cancelled(emulator: Emulator) -> None:
    emulator.planday.fault("delay", path="/connect/token", seconds=2.0, count=None)
    async with opened(emulator) as planday:
        call = asyncio.create_task(planday.portal.info())
        await asyncio.sleep(1.0)
        call.cancel()
        await call


async def no_store(emulator: Emulator) -> None:
    token = Secret(emulator.planday_refresh_token)
    store = FileTokenStore("/proc/nowhere")
    await store.save(Grant(portal="acme", app_id="app", refresh_token=token))


ENDS: Mapping[str, Callable[[Emulator], Awaitable[None]]] = {
    each.__name__: each
    for each in (
        *(lost, lost_in_the_middle, waited_in_vain, deadline, app_deleted),
        *(identity_down, identity_cut, identity_slow, identity_page, token_refused_twice),
        *(identity_half_a_body, identity_quotes_the_form, identity_refuses_and_quotes),
        *(identity_forbids, write_in_doubt),
        *(create_cut, code_refused, code_lost, revocation_lost, closed_meanwhile),
        *(cancelled, no_store),
    )
}


@pytest.mark.parametrize("end", list(ENDS))
async def test_no_end_of_a_call_shows_a_token(end: str) -> None:
    """Errors, their causes, the locals of their frames and their pickles hold none."""
    async with Emulator() as emulator:
        with pytest.raises((PlanadoError, asyncio.CancelledError)) as caught:
            await ENDS[end](emulator)
        check(caught.value, planted(emulator))


async def test_no_object_shows_a_token() -> None:
    """Neither what holds tokens nor what is made with it."""
    async with Emulator() as emulator, opened(emulator) as planday:
        await planday.portal.info()
        parts = (planday._auth, planday._authorisation, planday._transport, planday._identity)
        grant = await planday._authorisation._store.load("default", emulator.planday_app_id)
        for each in (planday, *parts, planday.shifts, MemoryTokenStore(), grant):
            held = vars(each) if hasattr(each, "__dict__") else {}
            shown = f"{each} {each!r} {each!s} {held} {pickled(each)}"
            assert not planted(emulator).shown_in(shown), type(each)


def test_what_is_no_token_is_not_shown_either() -> None:
    """A token with a slip in it is told as such, unseen."""
    with pytest.raises(ConfigurationError) as caught:
        Planday("app", f"{CODE} {CODE}")
    assert "canary" not in str(caught.value)
