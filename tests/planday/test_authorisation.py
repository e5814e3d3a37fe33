"""A grant's life: renewed, rotated, lost, given again, against the emulated identity server."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from planado_async.core.errors import (
    ConfigurationError,
    ReauthorisationRequiredError,
    ServerError,
    UnexpectedResponseError,
)
from planado_async.core.limiter import LocalLimiter
from planado_async.core.retry import RetryPolicy
from planado_async.core.secret import Secret
from planado_async.core.transport import Transport
from planado_async.emulator import Emulator
from planado_async.planday.authorisation import DOUBT_AFTER, Authorisation, checked_token
from planado_async.planday.identity import Identity, Tokens
from planado_async.planday.tokens import FileTokenStore, Grant, MemoryTokenStore, TokenStore
from tests.planday.conftest import Granted


class Counting(Identity):
    """The identity server's calls, counted."""

    asked = 0

    async def refresh(self, app_id: str, refresh_token: Secret) -> Tokens:
        self.asked += 1
        return await super().refresh(app_id, refresh_token)


class Late(Identity):
    """The identity server's calls, with answers that are a while on their way."""

    takes = 0.5

    async def refresh(self, app_id: str, refresh_token: Secret) -> Tokens:
        tokens = await super().refresh(app_id, refresh_token)
        await asyncio.sleep(self.takes)
        return tokens


@asynccontextmanager
async def asking(emulator: Emulator) -> AsyncIterator[Counting]:
    transport = Transport(
        base_url=emulator.identity_url,
        auth=Granted("none", "none"),
        limiter=LocalLimiter(None),
        retries=RetryPolicy(attempts=2),
    )
    await transport.open()
    try:
        yield Counting(transport)
    finally:
        await transport.close()


def kept(emulator: Emulator, token: str | None = None) -> MemoryTokenStore:
    """A store that holds the emulator's first grant, or another token for it."""
    return MemoryTokenStore(
        Grant(
            portal="acme",
            app_id=emulator.planday_app_id,
            refresh_token=Secret(token or emulator.planday_refresh_token),
        )
    )


def authorised(emulator: Emulator, identity: Identity, store: TokenStore) -> Authorisation:
    return Authorisation(emulator.planday_app_id, "acme", identity=identity, store=store)


def leave(emulator: Emulator) -> None:
    """Deactivate the administrator who authorised the app."""
    grant = emulator.planday.first_grant
    emulator.planday.deactivate_admin(grant.portal_id, grant.admin_id)


def authorise_again(emulator: Emulator) -> str:
    """Let the other administrator authorise the app, and return the tile's token."""
    planday, first = emulator.planday, emulator.planday.first_grant
    (other,) = {admin for portal, admin in planday.access.admins if portal == first.portal_id} - {
        first.admin_id
    }
    return planday.authorise(first.portal_id, first.app_id, other).refresh_token


async def test_a_token_is_had(emulator: Emulator) -> None:
    """The grant gives an access token, for as long as the server says, and tells its scopes."""
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, kept(emulator))
        token = await authorisation.renew()
    assert token.lives_for == 3600.0
    grant = emulator.planday.access.bearer(token.token.reveal())
    assert grant is not None
    assert "shift:read" in authorisation.scopes


async def test_a_minimal_answer_will_do(emulator: Emulator) -> None:
    """Where only the access token is answered, an hour is assumed."""
    emulator.planday.settings(full_refresh_answer=False)
    async with asking(emulator) as identity:
        token = await authorised(emulator, identity, kept(emulator)).renew()
    assert token.lives_for == 3600.0


async def test_another_refresh_token_is_kept_before_the_access_token_is_used(
    emulator: Emulator, tmp_path: Path
) -> None:
    """Where tokens rotate, each new one is on disk when the renewal returns."""
    emulator.planday.settings(rotate_refresh_tokens=True)
    store = FileTokenStore(tmp_path)
    grant = await kept(emulator).load("acme", emulator.planday_app_id)
    assert grant
    await store.save(grant)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, store)
        tokens = set[str]()
        for _ in range(3):
            await authorisation.renew()
            rotated = await store.load("acme", emulator.planday_app_id)
            assert rotated
            tokens.add(rotated.refresh_token.reveal())
    assert len(tokens) == 3
    assert emulator.planday_refresh_token not in tokens


async def test_a_grant_that_is_lost_says_who_must_click_what(emulator: Emulator) -> None:
    """The error names portal, App ID, the scopes there were, and the buttons."""
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, kept(emulator))
        await authorisation.renew()
        leave(emulator)
        with pytest.raises(ReauthorisationRequiredError) as caught:
            await authorisation.renew()
    error = caught.value
    assert (error.portal, error.app_id) == ("acme", emulator.planday_app_id)
    assert "shift:read" in error.scopes
    assert "Settings / Integrations / API Access, press Authorise" in str(error)
    assert emulator.planday_refresh_token not in str(error) + repr(vars(error))


async def test_a_bad_token_is_not_asked_about_again_and_again(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """A token found bad costs one question, and one more each ten minutes; one line in the log."""
    leave(emulator)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, kept(emulator))
        with caplog.at_level(logging.ERROR, "planado_async"):
            for _ in range(100):
                with pytest.raises(ReauthorisationRequiredError):
                    await authorisation.renew()
        assert (identity.asked, len(caplog.records)) == (1, 1)
        await asyncio.sleep(DOUBT_AFTER + 1)
        with pytest.raises(ReauthorisationRequiredError):
            await authorisation.renew()
        assert identity.asked == 2


@pytest.mark.parametrize("how", ["put", "store"])
async def test_another_token_is_found_without_a_restart(emulator: Emulator, how: str) -> None:
    """Put in by hand or found in the store, a new token is used at once."""
    leave(emulator)
    store = kept(emulator)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, store)
        with pytest.raises(ReauthorisationRequiredError):
            await authorisation.renew()
        waiting = asyncio.create_task(authorisation.replaced())
        await asyncio.sleep(DOUBT_AFTER - 10)
        assert not waiting.done()
        token = authorise_again(emulator)
        if how == "put":
            await authorisation.put(f" {token}\n")
        else:
            (grant,) = kept(emulator, token)._grants.values()
            await store.save(grant)
        async with asyncio.timeout(6.0):
            await waiting
        await authorisation.renew()
        assert identity.asked == 2


async def test_a_token_that_another_process_rotated_is_used(emulator: Emulator) -> None:
    """A refusal because somebody else has renewed meanwhile is no loss of the grant."""
    emulator.planday.settings(rotate_refresh_tokens=True)
    store = kept(emulator)
    async with asking(emulator) as identity:

        class Behind(MemoryTokenStore):
            """Gives the old token once, as if read just before the other process wrote."""

            late = False

            async def load(self, portal: str, app_id: str) -> Grant | None:
                late, self.late = self.late, True
                return await (store if late else kept(emulator)).load(portal, app_id)

        await authorised(emulator, identity, store).renew()  # the other process
        await authorised(emulator, identity, Behind()).renew()


async def test_without_a_grant_nobody_is_asked(emulator: Emulator) -> None:
    """A store without a token for the portal is told as such."""
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, MemoryTokenStore())
        with pytest.raises(ReauthorisationRequiredError, match="has no token for it here"):
            await authorisation.renew()
    assert identity.asked == 0


async def test_an_unknown_app_id_is_told_as_such(emulator: Emulator) -> None:
    """A wrong App ID, or a deleted app, needs another one and not another token."""
    grant = emulator.planday.first_grant
    emulator.planday.delete_app(grant.portal_id, grant.app_id)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, kept(emulator))
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="does not know the App ID"):
                await authorisation.renew()
    assert identity.asked == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 425])
@pytest.mark.parametrize("body", [None, '{"error": "temporarily_unavailable"}'])
async def test_a_refusal_that_blames_no_token_loses_no_grant(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, status: int, body: str | None
) -> None:
    """The page of a proxy, say, is an error of the moment, and its 404 not that of a record."""
    emulator.planday.fault("status", path="/connect/token", status=status, body=body)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, kept(emulator))
        with pytest.raises(UnexpectedResponseError, match=f"which may be good \\({status}"):
            await authorisation.renew()
        assert (await authorisation.renew()).lives_for == 3600.0
    assert not [each for each in caplog.records if each.levelno >= logging.WARNING]


@pytest.mark.parametrize(
    ("told", "lives_for"),
    [("0", 1.0), ("-7", 1.0), ("true", 3600.0), ("null", 3600.0), ('"9"', 3600.0), ("9.5", 9.5)],
)
async def test_a_life_that_makes_no_sense_is_made_up_for(
    emulator: Emulator, told: str, lives_for: float
) -> None:
    """Too short a one is a second, so that no call asks twice; without a number it is an hour."""
    answer = f'{{"access_token": "t-1", "expires_in": {told}}}'
    emulator.planday.fault("not_json", path="/connect/token", body=answer)
    async with asking(emulator) as identity:
        token = await authorised(emulator, identity, kept(emulator)).renew()
    assert (token.token.reveal(), token.lives_for) == ("t-1", lives_for)


async def test_a_server_that_is_down_says_nothing_about_the_token(emulator: Emulator) -> None:
    """A 5xx is an error of the moment: the token is tried again by the next call."""
    emulator.planday.fault("status", path="/connect/token", status=503, count=2)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, kept(emulator))
        with pytest.raises(ServerError):
            await authorisation.renew()
        assert (await authorisation.renew()).lives_for == 3600.0


@pytest.mark.parametrize("token", ["", "  ", "two words", "tökén", "a\nb", "a\0b", None, 7])
def test_what_is_no_token_is_refused(token: object) -> None:
    """Before it is kept or sent, and without being shown."""
    with pytest.raises(ConfigurationError, match="copy it whole") as caught:
        checked_token(token)
    assert "tökén" not in str(caught.value)


@pytest.mark.parametrize("failure", [ConfigurationError("the disk is full"), OSError("canary")])
async def test_a_rotated_token_outlives_a_store_that_fails(
    emulator: Emulator, caplog: pytest.LogCaptureFixture, failure: Exception
) -> None:
    """Where the new token cannot be kept, it is used from memory, and saved as soon as it can."""
    emulator.planday.settings(rotate_refresh_tokens=True)

    class Failing(MemoryTokenStore):
        """Takes nothing for a while."""

        broken = True

        async def save(self, grant: Grant) -> None:
            if self.broken:
                raise failure
            await super().save(grant)

    (first,) = kept(emulator)._grants.values()
    store = Failing(first)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, store)
        for _ in range(3):
            await authorisation.renew()
        assert "a new token lives in memory alone" in caplog.text
        assert "canary" not in caplog.text  # a store's own error may hold what it was given
        store.broken = False
        await authorisation.renew()
        saved = await store.load("acme", emulator.planday_app_id)
        assert saved
        assert saved.refresh_token != first.refresh_token
        await authorised(emulator, identity, store).renew()  # after a restart


async def test_a_token_put_in_by_hand_wins_over_one_in_memory(emulator: Emulator) -> None:
    """What somebody has put into the store is used, also while a rotated token waits for it."""
    emulator.planday.settings(rotate_refresh_tokens=True)

    class Full(MemoryTokenStore):
        async def save(self, grant: Grant) -> None:
            raise ConfigurationError("the disk is full")

    (first,) = kept(emulator)._grants.values()
    store = Full(first)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, store)
        await authorisation.renew()
        token = authorise_again(emulator)
        store._grants.update(kept(emulator, token)._grants)
        await authorisation.renew()


@pytest.mark.parametrize("how", ["put", "store"])
async def test_a_token_put_in_during_a_renewal_is_kept_and_used(
    emulator: Emulator, how: str
) -> None:
    """The answer to the token of before, which comes with another one, does not overwrite it."""
    emulator.planday.settings(rotate_refresh_tokens=True)
    access, store = emulator.planday.access, kept(emulator)
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, Late(identity._transport), store)
        renewing = asyncio.create_task(authorisation.renew())
        await asyncio.sleep(0.2)
        assert access.grant_of(emulator.planday_app_id, emulator.planday_refresh_token) is None
        again = authorise_again(emulator)
        if how == "put":
            await authorisation.put(again)
        else:
            store._grants.update(kept(emulator, again)._grants)
        token = await renewing
        used = access.bearer(token.token.reveal())
    left = await store.load("acme", emulator.planday_app_id)
    assert used
    assert left
    assert used.admin_id != emulator.planday.first_grant.admin_id
    assert left.refresh_token.reveal() == used.refresh_token


class Unreadable(MemoryTokenStore):
    """Cannot be read for so many looks."""

    looks = 0

    async def load(self, portal: str, app_id: str) -> Grant | None:
        self.looks -= 1
        if self.looks >= 0:
            raise OSError("canary")
        return await super().load(portal, app_id)


async def test_a_look_that_fails_is_taken_again(emulator: Emulator) -> None:
    """A store that cannot be read for a moment, as while somebody writes there, fails no call."""
    store = Unreadable(*kept(emulator)._grants.values())
    store.looks = 1
    async with asking(emulator) as identity:
        assert (await authorised(emulator, identity, store).renew()).lives_for == 3600.0


async def test_a_store_that_cannot_be_used_is_told_as_such(emulator: Emulator) -> None:
    """By the kind of its error alone, whose text may hold what it was given."""
    store = Unreadable()
    store.looks = 100
    async with asking(emulator) as identity:
        authorisation = authorised(emulator, identity, store)
        with pytest.raises(ConfigurationError, match=r"the token store failed \(OSError\)") as load:
            await authorisation.renew()
    assert load.value.__context__ is None
    assert identity.asked == 0


async def test_a_token_that_the_store_does_not_take_is_not_put(emulator: Emulator) -> None:
    """Whoever puts it in learns that it would be forgotten."""

    class Full(MemoryTokenStore):
        async def save(self, grant: Grant) -> None:
            raise OSError("canary")

    async with asking(emulator) as identity:
        with pytest.raises(ConfigurationError, match=r"the token store failed \(OSError\)") as save:
            await authorised(emulator, identity, Full()).put("token-1")
    assert save.value.__context__ is None


async def test_who_waits_goes_on_although_the_store_cannot_be_read(
    emulator: Emulator, caplog: pytest.LogCaptureFixture
) -> None:
    """It is told once, and looked at until it can be read again."""
    store = Unreadable(*kept(emulator)._grants.values())
    store.looks = 100
    async with asking(emulator) as identity:
        waiting = asyncio.create_task(authorised(emulator, identity, store).replaced())
        await asyncio.sleep(60.0)
        assert not waiting.done()
        store.looks = 0
        async with asyncio.timeout(10.0):
            await waiting
    (told,) = [each for each in caplog.messages if "still looking for a token" in each]
    assert "canary" not in told


async def test_two_that_rotate_at_once_lose_no_grant(
    emulator: Emulator, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Of two processes with one directory, both get their token, and no error is logged."""
    emulator.planday.settings(rotate_refresh_tokens=True)
    (first,) = kept(emulator)._grants.values()
    await FileTokenStore(tmp_path).save(first)
    async with asking(emulator) as identity:
        late = Late(identity._transport)
        both = [authorised(emulator, late, FileTokenStore(tmp_path)) for _ in range(2)]
        for _ in range(20):
            await asyncio.gather(*(each.renew() for each in both))
    assert emulator.planday.counters()["tokens"]["invalid_grant"] >= 20
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]
