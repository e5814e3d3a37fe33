"""Requests made to break the receiver: each is answered as it should be, and costs little.

They come over bare sockets, so that nothing on the sender's side mends them.
"""

import asyncio
import gc
import gzip
import random
import re
import tracemalloc
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from time import perf_counter

import pytest

from planado_async.core.errors import MalformedEventError
from planado_async.webhooks import SqliteInbox, State
from planado_async.webhooks.events import MAX_VERSION, event_of
from planado_async.webhooks.intake import MAX_BODY, delivery_of
from tests.webhooks.making import HEADERS, body
from tests.webhooks.serving import GOOD, RECEIVERS, Client

HEAD = b"POST /planado HTTP/1.1\r\nHost: x\r\n"
SECRET_LINE = b"X-Planado-Secret: s3cret\r\n"
GOOD_HEAD = HEAD + SECRET_LINE
MAX_GROWTH = 2 * 2**20
SILENCE = 40.0  # seconds of the loop's clock, after which a server says no more
AT_ONCE = 0.050 * 10  # seconds; ten times what it takes on a machine that nobody shares
STALL = 0.025 * 10  # seconds; ten times what it takes on a machine that nobody shares


@pytest.fixture
async def stored() -> AsyncIterator[SqliteInbox]:
    async with SqliteInbox(":memory:") as inbox:
        yield inbox


@pytest.fixture(params=RECEIVERS)
async def client(request: pytest.FixtureRequest, stored: SqliteInbox) -> AsyncIterator[Client]:
    """A sender to each kind of receiver there is, on each server."""
    async with RECEIVERS[request.param](stored) as client:
        yield client


async def talk(client: Client, sent: bytes) -> bytes:
    """Send bytes, and return what comes back until the server closes or has nothing to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port)
    writer.write(sent)
    answer = b""
    try:
        async with asyncio.timeout(SILENCE):
            while more := await reader.read(65_536):
                answer += more
    except (TimeoutError, ConnectionError):
        pass
    writer.close()
    return answer


def statuses(answer: bytes) -> list[int]:
    """Return the statuses of all answers on a line, without the interim ones."""
    found = [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3})", answer)]
    return [status for status in found if status != 100]


# --- Framing --------------------------------------------------------------------------------------


def request_of(payload: bytes, *, more: bytes = b"") -> bytes:
    """Return one whole request in good order, the last on its line."""
    length = b"Content-Length: %d\r\n" % len(payload)
    return GOOD_HEAD + b"Connection: close\r\n" + length + more + b"\r\n" + payload


SMUGGLED = request_of(body("smuggled"))
LENGTH = len(SMUGGLED)
AMBIGUOUS = {
    "length and chunks": b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"Transfer-Encoding: chunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n",
    "two lengths": b"Content-Length: 0\r\nContent-Length: %d\r\n\r\n",
    "two lengths, turned": b"Content-Length: %d\r\nContent-Length: 0\r\n\r\n",
    "a list of lengths": b"Content-Length: 0, %d\r\n\r\n",
    "a signed length": b"Content-Length: +%d\r\n\r\n",
    "a negative length": b"Content-Length: -%d\r\n\r\n",
    "a length in hex": b"Content-Length: 0x%x\r\n\r\n",
    "a length with an underscore": b"Content-Length: 1_%d\r\n\r\n",
    "a space before the colon": b"Content-Length : %d\r\n\r\n",
    "a folded length": b"X: y\r\n Content-Length: %d\r\nContent-Length:\r\n 0\r\n\r\n",
    "other chunks": b"Transfer-Encoding: xchunked\r\nContent-Length: %d\r\n\r\n",
    "chunks twice": b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x%d\r\n\r\n0\r\n\r\n",
    "chunks, identity": b"Transfer-Encoding: chunked, identity\r\nX: %d\r\n\r\n0\r\n\r\n",
    "chunks in a tab": b"Transfer-Encoding:\tchunked\r\nContent-Length: %d\r\n\r\n0\r\n\r\n",
    "chunks in a vertical tab": b"Transfer-Encoding: \x0bchunked\r\nX: %d\r\n\r\n0\r\n\r\n",
    "a chunk of a signed size": b"Transfer-Encoding: chunked\r\nX: %d\r\n\r\n+0\r\n\r\n",
    "a chunk of a huge size": b"Transfer-Encoding: chunked\r\nX: %d\r\n\r\nfffffffffffffffff0\r\n",
    "a bare LF in the chunks": b"Transfer-Encoding: chunked\r\nX: %d\r\n\r\n0;\n\r\n\r\n",
    "a bare CR in a header": b"X: y\rContent-Length: %d\r\n\r\n",
    "a bare LF in a header": b"X: y\nContent-Length: %d\n\n",
    "NUL in a header": b"X: \x00\r\nContent-Length: %d\r\n\r\n",
    "no colon": b"Content-Length %d\r\n\r\n",
}


@pytest.mark.parametrize("framing", AMBIGUOUS.values(), ids=AMBIGUOUS)
async def test_no_request_is_read_out_of_another(
    client: Client, stored: SqliteInbox, framing: bytes
) -> None:
    """What comes after doubtful framing is a body, an error or a request of its own; never a 5xx.

    The receiver trusts the secret and nothing of the line, so a request that stands by itself is
    taken only where the one before has been ended by its own framing and answered.
    """
    doubtful = GOOD_HEAD + (framing % LENGTH)
    answer = await talk(client, doubtful + SMUGGLED)
    answers = statuses(answer)
    assert all(status < 500 for status in answers)
    kept = await stored.deliveries()
    taken = [found for found in kept if found.event_uuid == "smuggled"]
    assert len(taken) == 0 or answers[:1] == [204], answer
    assert len(kept) <= answers.count(204)
    assert all(found.body in (b"", SMUGGLED, body("smuggled")) for found in kept)


async def test_doubtful_framing_closes_the_line_of_aiohttp(stored: SqliteInbox) -> None:
    """Framing that can be read two ways is answered 400 by aiohttp, which reads on nowhere.

    What else it takes it reads one way only: a list of one header, or a body that ends.
    """
    strict = {"length and chunks", "chunks and length", "two lengths", "two lengths, turned"}
    strict |= {"a list of lengths", "a signed length", "a negative length", "a length in hex"}
    strict |= {"a space before the colon", "NUL in a header", "no colon", "a bare LF in a header"}
    async with RECEIVERS["aiohttp"](stored) as client:
        for name in sorted(strict):
            answer = await talk(client, GOOD_HEAD + (AMBIGUOUS[name] % LENGTH) + SMUGGLED)
            assert statuses(answer) == [400], (name, answer)
    assert await stored.deliveries() == []


# --- Secrets --------------------------------------------------------------------------------------


async def test_no_bytes_pass_for_the_secret(
    client: Client,
    stored: SqliteInbox,
    scaled: Callable[[int], int],
    figures: Callable[..., None],
) -> None:
    """Any bytes in the header, up to 8 kB and in two headers, are answered 401 or are no HTTP."""
    rng = random.Random(21)
    seen = Counter[int]()
    for _ in range(scaled(1000)):
        alphabet = rng.choice([range(256), range(0x80, 256), range(0x20, 0x7F)])
        value = bytes(rng.choices(alphabet, k=rng.choice([0, 1, 5, 6, 7, 64, 4000, 8000])))
        line = b"X-Planado-Secret: " + value + b"\r\n"
        more = SECRET_LINE if rng.random() < 0.2 else b""
        sent = HEAD + line + more + b"Content-Length: %d\r\n\r\n" % len(body()) + body()
        for status in statuses(await talk(client, sent)):
            seen[status] += 1
    figures(**{f"answered_{status}": count for status, count in sorted(seen.items())})
    assert set(seen) <= {400, 401, 431}
    assert seen[401] > 0
    assert await stored.deliveries() == []


@pytest.mark.parametrize(
    "lines",
    [
        b"",
        b"X-Planado-Secret:\r\n",
        SECRET_LINE * 2,
        SECRET_LINE + b"x-planado-secret: other\r\n",
        b"X-Planado-Secret: s3cret, s3cret\r\n",
        b"X-Planado-Secret: " + b"s" * 7000 + b"\r\n",
        "X-Planado-Secret: s3cret\N{COMBINING ACUTE ACCENT}\r\n".encode(),
        b"X-Planado-Secret: \xff\xfe\r\n",
        b"X_Planado_Secret: s3cret\r\n",
    ],
)
async def test_only_one_right_secret_is_one(
    client: Client, stored: SqliteInbox, lines: bytes
) -> None:
    """No header, an empty one, two of them, one that is nearly right: all are answered 401."""
    sent = HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(body()) + body()
    assert statuses(await talk(client, sent)) == [401]
    assert await stored.deliveries() == []


# --- Sizes ----------------------------------------------------------------------------------------


async def test_a_declared_giant_is_answered_at_once(
    client: Client, scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """A gigabyte that is only declared is answered 413 before any of it has come."""
    took: list[float] = []
    for _ in range(scaled(200)):
        began = perf_counter()
        answer = await talk(client, GOOD_HEAD + b"Content-Length: 1000000000\r\n\r\n")
        took.append(perf_counter() - began)
        assert statuses(answer) == [413]
    figures(longest_ms=round(max(took) * 1e3, 1))
    assert max(took) < AT_ONCE


def endless_chunks(size: int) -> bytes:
    """Return so much of a body in chunks that does not end."""
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    return b"Transfer-Encoding: chunked\r\n\r\n" + chunk * (size // 65_536)


def bomb(encoding: str) -> bytes:
    """Return headers and body of a small request that holds 200 MB."""
    pack = zlib.compressobj(9, wbits=zlib.MAX_WBITS + (16 if encoding == "gzip" else 0))
    packed = b"".join(pack.compress(b" " * 2**20) for _ in range(200)) + pack.flush()
    told = f"Content-Encoding: {encoding}\r\nContent-Length: {len(packed)}\r\n\r\n"
    return told.encode() + packed


@pytest.mark.parametrize(
    "giant",
    [endless_chunks(8 * 2**20), bomb("gzip"), bomb("deflate")],
    ids=["chunks", "gzip bomb", "deflate bomb"],
)
async def test_a_giant_is_cut_off_at_the_bound(
    client: Client,
    stored: SqliteInbox,
    giant: bytes,
    scaled: Callable[[int], int],
    figures: Callable[..., None],
) -> None:
    """A body that is too large only in the end is answered 413, and never held in memory."""
    sent = GOOD_HEAD + giant
    assert await refused(client, sent)
    growth = 0
    for _ in range(scaled(50)):
        tracemalloc.start()
        assert await refused(client, sent)
        growth = max(growth, tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    figures(growth_kib=growth // 1024)
    assert growth < MAX_GROWTH
    assert await stored.deliveries() == []


async def refused(client: Client, sent: bytes) -> bool:
    """Send as much of a request as is read, and tell whether it is answered 413."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=4096)
    writer.transport.set_write_buffer_limits(65_536)
    try:
        for begin in range(0, len(sent), 65_536):
            writer.write(memoryview(sent)[begin : begin + 65_536])
            await writer.drain()
        return b" 413 " in await reader.readline()
    except ConnectionError:
        return True  # closed with the answer on its way, because there was more to read
    finally:
        writer.close()


@pytest.mark.parametrize("encoded", [False, True])
async def test_the_bound_is_exact(client: Client, stored: SqliteInbox, encoded: bool) -> None:
    """The largest body is kept and one more byte is not, compressed or plain."""
    headers = GOOD | ({"Content-Encoding": "gzip"} if encoded else {})
    for size, status in [(MAX_BODY, 204), (MAX_BODY + 1, 413)]:
        sent = b" " * size
        assert await client.post(gzip.compress(sent) if encoded else sent, headers) == status
    assert (await stored.counts()).dead == 1


# --- Bodies ---------------------------------------------------------------------------------------


def event(extra: bytes) -> bytes:
    """Return an event of no known entity with one thing more in it."""
    return b'{"event_uuid": "e1", "event_type": "ping", "x": ' + extra + b"}"


def nested(levels: int) -> bytes:
    """Return an event with so many levels of objects and arrays."""
    return event(b"[" * (levels - 1) + b"]" * (levels - 1))


def versioned(version: bytes) -> bytes:
    return body(version=-99).replace(b"-99", version)


KEYS = b"{" + b",".join(b'"%x":0' % number for number in range(25_000)) + b"}"
EVENT, DEAD = State.WAITING, State.DEAD
BODIES: dict[str, tuple[bytes, State]] = {
    "an event": (body(), EVENT),
    "spaces around it": (b" \n" + body() + b"\t ", EVENT),
    "nothing": (b"", DEAD),
    "a list": (b"[]", DEAD),
    "null": (b"null", DEAD),
    "two objects": (body() + body(), DEAD),
    "cut off": (body()[:-1], DEAD),
    "64 levels": (nested(64), EVENT),
    "65 levels": (nested(65), DEAD),
    "1,000 levels": (nested(1000), DEAD),
    "100,000 levels": (nested(100_000), DEAD),
    "100,000 levels without end": (b'{"a":' * 40_000, DEAD),
    "80,000 brackets in a row": (event(b"[" + b"[],{}," * 40_000 + b"0]"), DEAD),
    "64 levels, too wide": (event(b"[" * 62 + b"[]," * 80_000 + b"0" + b"]" * 62), DEAD),
    "64 levels, wide": (event(b"[" * 62 + b"[]," * 9_900 + b"0" + b"]" * 62), EVENT),
    "10,000 objects": (event(b"[" + b'{"a":"b"},' * 9_998 + b"0]"), EVENT),
    "10,001 objects": (event(b"[" + b'{"a":"b"},' * 9_999 + b"0]"), DEAD),
    "9,000 contacts": (body(contacts=[{}] * 9_000), EVENT),
    "80,000 contacts": (body(contacts=[{}] * 80_000), DEAD),
    "25,000 keys": (event(KEYS), EVENT),
    "one key 40,000 times": (event(b'{"a":1' + b',"a":1' * 40_000 + b"}"), EVENT),
    "an integer of 19 digits": (event(b"9" * 19), EVENT),
    "an integer of 250,000 digits": (event(b"9" * 250_000), DEAD),
    "a fraction of 250,000 digits": (event(b"0." + b"1" * 250_000), EVENT),
    "1e400": (event(b"1e400"), DEAD),
    "NaN": (event(b"NaN"), DEAD),
    "Infinity": (event(b"-Infinity"), DEAD),
    "a BOM": (b"\xef\xbb\xbf" + body(), DEAD),
    "UTF-16": (body().decode().encode("utf-16"), DEAD),
    "bad UTF-8": (event(b'"\xff\xfe"'), DEAD),
    "overlong UTF-8": (event(b'"\xc0\xaf"'), DEAD),
    "a lone surrogate": (event(b'"\\ud800"'), DEAD),
    "NUL in a text": (event(b'"\\u0000"'), EVENT),
    "a bare NUL": (event(b'"\x00"'), DEAD),
    "NUL in the key": (body("e\x00"), DEAD),
    "a key of 256 characters": (body("e" * 256), DEAD),
    "a key that is a number": (b'{"event_uuid": 1, "event_type": "ping"}', DEAD),
    "version 7.9": (versioned(b"7.9"), DEAD),
    "version 7.0": (versioned(b"7.0"), DEAD),
    "version in quotes": (versioned(b'"7"'), DEAD),
    "version true": (versioned(b"true"), DEAD),
    "version -1": (versioned(b"-1"), DEAD),
    "version 2^63 - 1": (versioned(b"%d" % MAX_VERSION), EVENT),
    "version 2^63": (versioned(b"%d" % (MAX_VERSION + 1)), DEAD),
    "an escape for every letter": (event(b'"' + b"\\u0061" * 40_000 + b'"'), EVENT),
}


@pytest.mark.parametrize(("sent", "state"), BODIES.values(), ids=BODIES)
async def test_every_body_is_an_event_or_a_dead_letter(
    client: Client, stored: SqliteInbox, sent: bytes, state: State
) -> None:
    """Whatever the body, it is answered 204 and kept as it came; what it is stands in one table."""
    assert await client.post(sent) == 204
    [found] = await stored.deliveries()
    assert (found.body, found.state) == (sent, state)


@pytest.fixture
def small_heap() -> Iterator[None]:
    """Keep the garbage collector from walking over what other tests have left in memory."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("small_heap")
@pytest.mark.parametrize(("sent", "state"), BODIES.values(), ids=BODIES)
def test_no_body_holds_up_the_loop(sent: bytes, state: State, figures: Callable[..., None]) -> None:
    """What is done with a body on the loop, in receiving and in handling, takes moments."""
    assert len(sent) <= MAX_BODY
    took = min(time_of(lambda: delivery_of(HEADERS, sent, 0.0)) for _ in range(3))
    handled = min(time_of(lambda: parsed(sent)) for _ in range(3))
    figures(received_ms=round(took * 1e3, 2), parsed_ms=round(handled * 1e3, 2))
    assert max(took, handled) < STALL
    assert parsed(sent) is (state is EVENT)


def time_of(action: Callable[[], object]) -> float:
    began = perf_counter()
    action()
    return perf_counter() - began


def parsed(sent: bytes) -> bool:
    """Tell whether there is an event in a body."""
    try:
        event_of(sent, 1)
    except MalformedEventError:
        return False
    return True
