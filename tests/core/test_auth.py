"""What proves who sends a request: a key, or a token that is renewed."""

import asyncio
from typing import Any

import pytest

from planado_async.core.auth import AccessToken, ApiKey, KeyHeader, RefreshToken
from planado_async.core.errors import (
    ConfigurationError,
    PermissionDeniedError,
    PlanadoError,
    ReauthorisationRequiredError,
    ServerError,
)
from planado_async.core.secret import Secret


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("X-Planado-API-Key", "k-1"),
        ("Authorization", "Bearer k-1"),
        ("X-Planado-Api-Token", "k-1"),
    ],
)
async def test_each_form_sends_one_header(header: KeyHeader, value: str) -> None:
    """The key goes out in the header asked for, and in no other."""
    assert await ApiKey("k-1", header).headers() == {header: value}


async def test_the_default_header() -> None:
    """Without a word, the key goes into Planado's own header."""
    assert await ApiKey("k-1").headers() == {"X-Planado-API-Key": "k-1"}


@pytest.mark.parametrize(
    "key", ["", " ", "k 1\n", "k-1\n", " k-1", "k\r\nX: y", "ключ", "k\x00", "k\x7f"]
)
def test_what_is_no_key_is_refused(key: str) -> None:
    """A key that would break a header is refused, with what to set and without showing it."""
    with pytest.raises(ConfigurationError, match=r"api_key= or set PLANADO_API_KEY") as caught:
        ApiKey(key)
    assert not key.strip() or key.strip() not in str(caught.value)


def test_repr_hides_the_key() -> None:
    """Printed, it tells the header and not the key."""
    assert repr(ApiKey("canary")) == "ApiKey(Secret('***'), 'X-Planado-API-Key')"


# --- A token that is renewed ----------------------------------------------------------------------


class Server:
    """Gives tokens, one after another, or fails as told."""

    def __init__(self, lives_for: float = 3600.0, takes: float = 1.0) -> None:
        self.lives_for, self.takes = lives_for, takes
        self.asked = 0
        self.failure: PlanadoError | None = None
        self.another = asyncio.Event()

    async def renew(self) -> AccessToken:
        self.asked += 1
        await asyncio.sleep(self.takes)
        if self.failure:
            raise self.failure
        return AccessToken(token=Secret(f"t-{self.asked}"), lives_for=self.lives_for)

    async def replaced(self) -> None:
        await self.another.wait()

    def auth(self, patience: float | None = 0.0) -> RefreshToken:
        return RefreshToken(
            self.renew, replaced=self.replaced, patience=patience, headers={"X-ClientId": "a-1"}
        )


GONE = ReauthorisationRequiredError("gone", portal="acme", app_id="a-1")


async def sends(auth: RefreshToken) -> str:
    """Return the token a call made now would carry."""
    await auth.ready()
    return (await auth.headers())["Authorization"]


async def test_the_token_goes_out_with_the_headers_beside_it() -> None:
    """Every call carries the access token as a bearer, and what belongs to it."""
    auth = Server().auth()
    await auth.ready()
    assert await auth.headers() == {"Authorization": "Bearer t-1", "X-ClientId": "a-1"}


async def test_many_callers_cause_one_renewal() -> None:
    """However many calls wait for a token, it is asked for once."""
    server = Server()
    auth = server.auth()
    assert set(await asyncio.gather(*(sends(auth) for _ in range(200)))) == {"Bearer t-1"}
    assert server.asked == 1


async def test_a_token_is_renewed_shortly_before_it_expires() -> None:
    """In the last minute a call renews it, and neither that call nor another one waits for it."""
    server = Server(takes=20.0)
    auth = server.auth()
    await sends(auth)
    await asyncio.sleep(3535.0)
    assert await sends(auth) == "Bearer t-1"
    assert server.asked == 1
    await asyncio.sleep(40.0)
    began = asyncio.get_running_loop().time()
    assert {await sends(auth) for _ in range(10)} == {"Bearer t-1"}
    assert asyncio.get_running_loop().time() - began < 1.0
    await asyncio.sleep(21.0)
    assert (await sends(auth), server.asked) == ("Bearer t-2", 2)


async def test_a_short_life_is_used_for_the_most_part() -> None:
    """A token that lives for a minute is not renewed by every call."""
    server = Server(lives_for=60.0)
    auth = server.auth()
    await sends(auth)
    await asyncio.sleep(50.0)
    await sends(auth)
    assert server.asked == 1
    await asyncio.sleep(8.0)
    await sends(auth)
    await asyncio.sleep(1.5)
    assert (await sends(auth), server.asked) == ("Bearer t-2", 2)


async def test_a_token_that_expires_before_its_renewal_ends_is_waited_for() -> None:
    """Calls that come when it is over wait for the renewal that is under way already."""
    server = Server(lives_for=60.0)
    auth = server.auth()
    await sends(auth)
    server.takes = 10.0
    await asyncio.sleep(58.0)
    await sends(auth)
    await asyncio.sleep(5.0)
    assert (await sends(auth), server.asked) == ("Bearer t-2", 2)


async def test_a_refusal_that_renewing_does_not_mend_renews_once() -> None:
    """Where a new token is refused as the one before, the calls do not renew one by one."""
    server = Server()
    auth = server.auth()
    tried = []
    for _ in range(50):
        await sends(auth)
        tried.append(auth.refused(auth.edition))
        await asyncio.sleep(0.1)
    assert (tried.count(True), server.asked) == (1, 2)
    await asyncio.sleep(30.0)
    assert auth.refused(auth.edition)


async def test_a_server_that_fails_is_not_asked_by_every_call() -> None:
    """For some seconds after a failure all calls are told of it; then one asks again."""
    server = Server()
    server.failure = PermissionDeniedError("403", status=403)
    auth = server.auth()
    for _ in range(20):
        with pytest.raises(PermissionDeniedError):
            await sends(auth)
    assert server.asked == 1
    server.failure = None
    await asyncio.sleep(6.0)
    assert await sends(auth) == "Bearer t-2"


async def test_what_was_mended_is_tried_at_once() -> None:
    """Whoever has mended what failed need not wait for the next try."""
    server = Server()
    server.failure = PermissionDeniedError("403", status=403)
    auth = server.auth()
    with pytest.raises(PermissionDeniedError):
        await sends(auth)
    server.failure = None
    auth.mended()
    assert await sends(auth) == "Bearer t-2"


async def test_a_renewal_ends_although_the_client_is_closed() -> None:
    """Its answer may hold the only copy of a new grant, so closing waits for it."""
    server = Server(takes=5.0)
    auth = server.auth()
    call = asyncio.create_task(sends(auth))
    await asyncio.sleep(1.0)
    call.cancel()
    began = asyncio.get_running_loop().time()
    await auth.close()
    assert asyncio.get_running_loop().time() - began == pytest.approx(4.0, abs=0.5)
    assert await sends(auth) == "Bearer t-1"


async def test_closing_does_not_wait_for_ever() -> None:
    """A renewal that hangs is given up."""
    server = Server(takes=1e6)
    auth = server.auth()
    call = asyncio.create_task(sends(auth))
    await asyncio.sleep(1.0)
    began = asyncio.get_running_loop().time()
    await auth.close()
    assert asyncio.get_running_loop().time() - began < 15.0
    with pytest.raises(asyncio.CancelledError):
        await call


def test_another_loop_begins_anew() -> None:
    """A token's end is told by one loop's clock, so the next loop asks for another."""
    server = Server(takes=0.0)
    auth = server.auth()
    assert [asyncio.run(sends(auth)), asyncio.run(sends(auth))] == ["Bearer t-1", "Bearer t-2"]


async def test_a_late_refusal_renews_nothing() -> None:
    """A refusal of the token before the present one says nothing of the present one."""
    server = Server()
    auth = server.auth()
    await sends(auth)
    first = auth.edition
    assert auth.refused(first)
    assert await sends(auth) == "Bearer t-2"
    assert auth.refused(first)
    assert (await sends(auth), server.asked) == ("Bearer t-2", 2)


async def test_a_token_that_still_holds_outlives_a_failed_renewal() -> None:
    """With the identity server down, calls go on until the token's end, and ask now and then."""
    server = Server()
    auth = server.auth()
    await sends(auth)
    for failure in (ServerError("503", status=503), GONE):
        server.failure = failure
        await asyncio.sleep(3575.0 if server.asked == 1 else 7.0)
        asked = server.asked
        for _ in range(50):
            assert await sends(auth) == "Bearer t-1"
        await asyncio.sleep(2.0)
        assert server.asked == asked + 1
    await asyncio.sleep(30.0)
    with pytest.raises(ReauthorisationRequiredError):
        await sends(auth)


async def test_a_caller_that_gives_up_leaves_the_renewal_to_the_others() -> None:
    """Cancelling the call that began a renewal does not end it."""
    server = Server(takes=10.0)
    auth = server.auth()
    first = asyncio.create_task(sends(auth))
    await asyncio.sleep(1.0)
    second = asyncio.create_task(sends(auth))
    await asyncio.sleep(1.0)
    first.cancel()
    assert await second == "Bearer t-1"
    assert server.asked == 1


async def test_each_caller_has_an_error_of_its_own() -> None:
    """A failure that many share is told to each, without the traces of the others."""
    server = Server()
    server.failure = GONE
    auth = server.auth()
    failures: list[Any] = await asyncio.gather(
        *(sends(auth) for _ in range(3)), return_exceptions=True
    )
    for number, each in enumerate(failures):
        each.add_note(f"call {number}")
    assert [each.__notes__ for each in failures] == [["call 0"], ["call 1"], ["call 2"]]
    assert {type(each) for each in failures} == {ReauthorisationRequiredError}
    assert len({id(each) for each in failures}) == 3


async def test_without_patience_a_call_fails_at_once() -> None:
    """Where nobody is to wait, a token that is good no more is an error."""
    server = Server()
    server.failure = GONE
    began = asyncio.get_running_loop().time()
    with pytest.raises(ReauthorisationRequiredError):
        await sends(server.auth())
    assert asyncio.get_running_loop().time() - began < 2.0


@pytest.mark.parametrize("patience", [None, 7 * 86_400.0])
async def test_with_patience_calls_wait_for_another_token(patience: float | None) -> None:
    """Calls made while there is no good token go on when there is one, after one renewal."""
    server = Server()
    server.failure = GONE
    auth = server.auth(patience)
    calls = [asyncio.create_task(sends(auth)) for _ in range(100)]
    await asyncio.sleep(2 * 86_400.0)
    assert server.asked == 1
    server.failure = None
    server.another.set()
    assert set(await asyncio.gather(*calls)) == {"Bearer t-2"}
    assert server.asked == 2


async def test_patience_ends() -> None:
    """A call waits as long as it is to, and then says what is wrong."""
    server = Server()
    server.failure = GONE
    began = asyncio.get_running_loop().time()
    auth = server.auth(60.0)
    with pytest.raises(ReauthorisationRequiredError):
        await sends(auth)
    assert 60.0 <= asyncio.get_running_loop().time() - began < 65.0
    await auth.close()


async def test_closing_ends_what_waits() -> None:
    """A client that is closed leaves no task behind."""
    server = Server()
    server.failure = GONE
    auth = server.auth(None)
    call = asyncio.create_task(sends(auth))
    await asyncio.sleep(5.0)
    await auth.close()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert asyncio.all_tasks() == {asyncio.current_task()}
