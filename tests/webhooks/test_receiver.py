"""What the receiver answers, over a real socket."""

import asyncio
import gzip
import logging
import zlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiohttp import web

from planado_async.core.errors import ConfigurationError, StorageError
from planado_async.core.secret import Secret
from planado_async.webhooks import asgi, receiver
from planado_async.webhooks.inbox import Delivery, State
from planado_async.webhooks.intake import MAX_BODY
from planado_async.webhooks.sqlite import SqliteInbox
from planado_async.webhooks.webhooks import Webhooks
from tests.webhooks.making import SECRET, body
from tests.webhooks.serving import GOOD, RECEIVERS, Client, Serve, aiohttp_receiver, on_aiohttp

HEAD = b"POST /planado HTTP/1.1\r\nHost: x\r\n"
GOOD_HEAD = HEAD + b"X-Planado-Secret: s3cret\r\n"


@pytest.fixture
async def stored() -> AsyncIterator[SqliteInbox]:
    async with SqliteInbox(":memory:") as opened:
        yield opened


@pytest.fixture(params=RECEIVERS)
def serve(request: pytest.FixtureRequest) -> Serve:
    """What serves a receiver: each kind there is, on each server."""
    return RECEIVERS[request.param]


@pytest.fixture
async def client(serve: Serve, stored: SqliteInbox) -> AsyncIterator[Client]:
    async with serve(stored) as client:
        yield client


@pytest.fixture
async def aiohttp_client(stored: SqliteInbox) -> AsyncIterator[Client]:
    """What sends to aiohttp, for what is the server's own affair: its framing, its log."""
    async with aiohttp_receiver(stored) as client:
        yield client


@pytest.mark.parametrize("path", ["/planado", "/planado/"])
async def test_a_webhook_is_stored_and_acknowledged(
    client: Client, stored: SqliteInbox, path: str
) -> None:
    """With and without a slash at the end, an event is kept as received and answered 204."""
    sent = body("e1", "job_started", version=5)
    headers = GOOD | {"X-Planado-Delivery-Attempt": "2"}
    assert await client.post(sent, headers, path) == 204
    found = await stored.delivery("e1")
    assert found is not None
    assert (found.body, found.attempt, found.version, found.state) == (sent, 2, 5, State.WAITING)
    assert (found.event_type, found.entity_type, found.entity_uuid) == ("job_started", "job", "j1")


async def test_the_aiohttp_app_alone_answers_at_the_root(stored: SqliteInbox) -> None:
    """The sub-app can also be served by itself."""
    async with on_aiohttp(receiver(stored, secrets=SECRET)) as client:
        assert await client.post(body(), path="/") == 204


async def test_a_nested_aiohttp_mount_answers(stored: SqliteInbox) -> None:
    """Mounted inside another sub-app, both forms of the path answer too."""
    inner, outer = web.Application(), web.Application()
    inner.add_subapp("/planado", receiver(stored, secrets=SECRET))
    outer.add_subapp("/hooks", inner)
    async with on_aiohttp(outer) as client:
        assert await client.post(body(), path="/hooks/planado") == 204
        assert await client.post(body(), path="/hooks/planado/") == 204


async def test_a_repeat_is_acknowledged(client: Client, stored: SqliteInbox) -> None:
    """A delivery that comes again is answered 204 and kept once."""
    assert [await client.post(body()) for _ in range(3)] == [204] * 3
    found = await stored.delivery("e1")
    assert found is not None
    assert found.repeats == 2


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/planado", "/planado/"])
async def test_only_posts_are_taken(client: Client, method: str, path: str) -> None:
    """Any other method is answered 405."""
    async with client.session.request(method, path) as response:
        assert response.status == 405
        assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize(
    "value", ["", "wrong", SECRET.upper(), "s\N{SNOWMAN}", "x" * 7000, f"{SECRET}, {SECRET}"]
)
async def test_a_wrong_secret_is_refused(client: Client, stored: SqliteInbox, value: str) -> None:
    """Any other secret is answered 401 and nothing is kept."""
    assert await client.post(body(), {"X-Planado-Secret": value}) == 401
    assert (await stored.counts()).waiting == 0


async def test_two_secret_headers_are_refused(client: Client) -> None:
    """A request with two secrets is answered 401 even if both are right, and the line is closed."""
    head = GOOD_HEAD + b"x-planado-secret: s3cret\r\nContent-Length: 0\r\n\r\n"
    assert (await client.raw(head)).startswith(b"HTTP/1.1 401")


async def test_no_secret_is_refused_before_the_body(client: Client) -> None:
    """Without a secret the answer comes though the body was never sent."""
    head = HEAD + b"Content-Length: 1000000000\r\n\r\n"
    assert (await client.raw(head)).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("expected", [b"100-continue", b"100-Continue", b"a miracle"])
async def test_what_is_expected_comes_after_the_secret(
    client: Client, stored: SqliteInbox, expected: bytes
) -> None:
    """A request that expects something is refused without the secret, and taken with it."""
    expects = b"Expect: " + expected + b"\r\nContent-Length: %d\r\n" % len(body())
    assert (await client.raw(HEAD + expects + b"\r\n")).startswith(b"HTTP/1.1 401")
    answer = await client.raw(GOOD_HEAD + expects + b"Connection: close\r\n\r\n" + body())
    assert (b" 100 " in answer) <= (expected != b"a miracle")
    assert b"HTTP/1.1 204" in answer
    assert (await stored.counts()).waiting == 1


async def test_the_body_is_asked_for_after_the_secret(client: Client) -> None:
    """A sender that waits with its body until it is told to go on is told so."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    asked = b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body())
    writer.write(GOOD_HEAD + asked)
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body())
    assert (await reader.readline()).startswith(b"HTTP/1.1 204")
    writer.close()


async def test_nothing_is_promised_to_http_1_0(aiohttp_client: Client) -> None:
    """An old client that expects something gets its answer, and no other before it."""
    head = b"POST /planado HTTP/1.0\r\nX-Planado-Secret: s3cret\r\nExpect: 100-continue\r\n"
    sent = head + b"Content-Length: %d\r\n\r\n" % len(body()) + body()
    assert (await aiohttp_client.raw(sent)).startswith(b"HTTP/1.0 204")


@pytest.mark.parametrize("line", [b"X-Planado-Secret: s3c\x00ret", b"X-Planado-Secret : s3cret"])
async def test_a_broken_header_is_not_logged(
    aiohttp_client: Client, caplog: pytest.LogCaptureFixture, line: bytes
) -> None:
    """A header line that is no HTTP may hold the secret: the log says what, not which."""
    answer = await aiohttp_client.raw(HEAD + line + b"\r\n\r\n")
    assert b" 400 " in answer
    assert "BadHttpMessage" in caplog.text or "InvalidHeader" in caplog.text
    assert "s3c" not in caplog.text
    assert "None" not in caplog.text


async def test_any_of_several_secrets_is_taken(serve: Serve, stored: SqliteInbox) -> None:
    """While a secret is being changed both are valid; spaces around them do not count."""
    async with serve(stored, secrets=["old\n", Secret(" new")]) as client:
        for value, status in [("old", 204), ("new", 204), ("older", 401)]:
            assert await client.post(body(), {"X-Planado-Secret": value}) == status


@pytest.mark.parametrize("secrets", [None, [], "", "  ", ["s", ""]])
@pytest.mark.parametrize("make", [receiver, asgi])
def test_no_secret_is_a_configuration_error(
    make: Callable[..., object], stored: SqliteInbox, secrets: list[str]
) -> None:
    """A receiver without a secret is not made, and the error names argument and variable."""
    with pytest.raises(ConfigurationError, match=r"`secret`.*PLANADO_WEBHOOK_SECRET"):
        make(stored, secrets=secrets)


@pytest.mark.parametrize("secrets", [5, b"bytes", [b"bytes"], ["s", None], [["s"]]])
@pytest.mark.parametrize("insecure", [False, True])
@pytest.mark.parametrize("make", [receiver, asgi])
def test_a_secret_is_text(
    make: Callable[..., object], stored: SqliteInbox, secrets: object, insecure: bool
) -> None:
    """What is neither text nor a Secret is refused, and not shown."""
    with pytest.raises(ConfigurationError, match="not text") as caught:
        make(stored, secrets=secrets, insecure=insecure)
    assert "bytes" not in str(caught.value)


@pytest.mark.parametrize("bound", [0, -1, 1e6, None, True])
def test_a_bound_that_lets_nothing_in_is_refused(bound: int) -> None:
    """A bound of bodies is a number of bytes, and is checked before anything is mounted."""
    with pytest.raises(ConfigurationError, match="max_body"):
        Webhooks(":memory:", secret=SECRET, max_body=bound)


async def test_insecure_takes_everything(
    serve: Serve, stored: SqliteInbox, caplog: pytest.LogCaptureFixture
) -> None:
    """With insecure=True no secret is asked for, and the log says so."""
    async with serve(stored, secrets=None, insecure=True) as client:
        assert "insecure" in caplog.text
        assert await client.post(body(), {}) == 204


async def test_insecure_with_a_secret_checks_it(serve: Serve, stored: SqliteInbox) -> None:
    """A secret that is given is checked, whatever else is said."""
    async with serve(stored, insecure=True) as client:
        assert await client.post(body(), {}) == 401


async def test_the_largest_body_is_taken(client: Client) -> None:
    """A body of exactly the bound is stored, one byte more is answered 413."""
    assert await client.post(b"x" * MAX_BODY) == 204
    assert await client.post(b"x" * (MAX_BODY + 1)) == 413


async def test_a_declared_giant_is_refused_unread(client: Client) -> None:
    """A length over the bound is answered 413 before any of the body came."""
    head = GOOD_HEAD + b"Content-Length: 1000000000\r\n\r\n"
    assert (await client.raw(head)).startswith(b"HTTP/1.1 413")


async def test_a_chunked_giant_is_refused(client: Client, stored: SqliteInbox) -> None:
    """A body without a length is answered 413 as soon as it exceeds the bound."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY // 4096 + 2):
            yield b"x" * 4096

    assert await client.post(chunks()) == 413
    assert (await stored.counts()).dead == 0


async def test_compressed_bodies_are_bounded_by_what_is_in_them(
    client: Client, stored: SqliteInbox
) -> None:
    """A small compressed event is stored decompressed; a bomb is answered 413."""
    headers = GOOD | {"Content-Encoding": "gzip"}
    assert await client.post(gzip.compress(body()), headers) == 204
    found = await stored.delivery("e1")
    assert found is not None
    assert found.body == body()
    assert await client.post(gzip.compress(b" " * (MAX_BODY + 1)), headers) == 413
    assert (
        await client.post(zlib.compress(b" " * 50_000_000), {**GOOD, "Content-Encoding": "deflate"})
        == 413
    )


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_body_in_a_broken_encoding_is_refused(
    client: Client, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    """A body that is not in the encoding it names is answered 400, without a traceback."""
    assert await client.post(b"\xffnot compressed", GOOD | {"Content-Encoding": encoding}) == 400
    assert [record for record in caplog.records if record.exc_info] == []


HOSTILE = {
    "bad chunk size": b"Transfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n0\r\n\r\n",
    "chunk garbage": b"Transfer-Encoding: chunked\r\n\r\n3\r\nabcdefgh\r\n0\r\n\r\n",
    "negative length": b"Content-Length: -1\r\n\r\n",
    "two lengths": b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}x",
    "length and chunks": b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "length in words": b"Content-Length: two\r\n\r\n{}",
    "bad header": b"No colon here\r\n\r\n",
    "NUL in a header": b"X-A: a\x00b\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("rest", HOSTILE.values(), ids=HOSTILE)
async def test_broken_framing_is_refused_and_closed(
    aiohttp_client: Client, stored: SqliteInbox, rest: bytes
) -> None:
    """Ambiguous or broken HTTP is answered 400 once and the line is closed."""
    after = GOOD_HEAD + b"Content-Length: 2\r\n\r\n{}"
    answer = await aiohttp_client.raw(GOOD_HEAD + rest + after)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.0 400"))
    assert answer.count(b"HTTP/1.") == 1
    assert await stored.deliveries() == []


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 50\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n9\r\n{"]
)
async def test_a_client_that_hangs_up_is_no_harm(
    client: Client, stored: SqliteInbox, caplog: pytest.LogCaptureFixture, rest: bytes
) -> None:
    """A body that ends too early is not kept, and the next request is answered as ever."""
    answer = await client.raw(GOOD_HEAD + rest, end=True)
    assert b"500" not in answer
    assert await stored.deliveries() == []
    assert await client.post(body()) == 204
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("sent", [b"", b"\xff", b"[" * 100_000, body(version=-5), b'{"a": NaN}'])
async def test_an_unusable_body_is_a_dead_letter(
    client: Client, stored: SqliteInbox, sent: bytes
) -> None:
    """With the right secret what is no event is kept as received, once, and answered 204."""
    assert [await client.post(sent) for _ in range(2)] == [204, 204]
    [found] = await stored.deliveries()
    assert (found.state, found.body, found.repeats) == (State.DEAD, sent, 1)
    assert found.error
    assert found.event_uuid == "e1" or found.event_uuid.startswith("sha256:")


class Failing:
    """An inbox whose puts fail with a given error."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def now(self) -> float:
        return 0.0

    async def put(self, delivery: Delivery) -> bool:
        raise self.error


@pytest.mark.parametrize("error", [StorageError("disk full"), RuntimeError("?")], ids=str)
async def test_what_cannot_be_stored_is_not_acknowledged(
    serve: Serve, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    """When storing fails Planado is asked to send again later."""
    async with (
        serve(Failing(error)) as client,
        client.session.post("/planado", data=body(), headers=GOOD) as response,
    ):
        assert response.status == 503
        assert int(response.headers["Retry-After"]) > 0
    assert str(error) in caplog.text


@pytest.mark.real_time
async def test_acknowledged_means_committed(serve: Serve, tmp_path: Path) -> None:
    """When the 204 has come, another connection to the file sees the event."""
    path = tmp_path / "inbox.db"
    async with (
        SqliteInbox(path) as writing,
        SqliteInbox.open_readonly(path) as reader,
        serve(writing) as client,
    ):
        for number in range(20):
            assert await client.post(body(f"e{number}")) == 204
            assert await reader.delivery(f"e{number}") is not None


@pytest.mark.real_time
async def test_a_closed_inbox_answers_503(serve: Serve, tmp_path: Path) -> None:
    """An inbox that was never opened is a failure to store, not a crash."""
    async with serve(SqliteInbox(tmp_path / "inbox.db")) as client:
        assert await client.post(body()) == 503


async def test_no_request_is_answered_with_500(client: Client) -> None:
    """A crowd of odd requests on one line never leads to a 5xx."""
    statuses = set()
    for data in (b"", b"{}", b"\x00" * 10, body(), b"x" * 300_000):
        for headers in ({}, GOOD, GOOD | {"X-Planado-Delivery-Attempt": "\xff"}):
            statuses.add(await client.post(data, headers))
    assert statuses == {204, 401, 413}


@pytest.mark.parametrize(
    "length", [b"Content-Length: 50\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\n"]
)
async def test_a_body_that_takes_too_long_is_refused(
    client: Client, stored: SqliteInbox, length: bytes
) -> None:
    """A body that is not there after ten seconds is answered 408, and the line is closed."""
    began = asyncio.get_running_loop().time()
    answer = await client.raw(GOOD_HEAD + length)
    assert answer.startswith(b"HTTP/1.1 408")
    assert asyncio.get_running_loop().time() - began == pytest.approx(10.0, abs=0.5)
    assert await stored.deliveries() == []
