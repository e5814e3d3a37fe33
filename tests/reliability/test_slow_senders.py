"""Crowds of slow connections: they are closed in time, and all others are answered meanwhile."""

import asyncio
import random
from collections.abc import Callable
from statistics import quantiles
from time import perf_counter

from aiohttp import web

from planado_async.webhooks import SqliteInbox, receiver
from planado_async.webhooks.server import serving
from tests.webhooks.making import SECRET, body
from tests.webhooks.serving import Client, client_of

CONNECTIONS = 500
HEAD = b"POST /planado HTTP/1.1\r\nHost: x\r\n"
KINDS = {  # what is sent at once, what drips after it, and when the line is to be closed
    "headers": (HEAD, b"X", 10.0),
    "bodies": (HEAD + b"X-Planado-Secret: s3cret\r\nContent-Length: 5000\r\n\r\n", b"x", 10.0),
    "silent": (b"", b"", 30.0),
}
SPREAD = 5.0  # seconds over which the connections come
POSTS = 160  # so many that they last as long as the slow connections
P99 = 0.050 * 10  # seconds; ten times what it takes on a machine that nobody shares


async def slow(port: int, kind: str, rng: random.Random) -> float:
    """Open a connection, drip into it once a second, and return when the server closes it."""
    sent, drop, _ = KINDS[kind]
    loop = asyncio.get_running_loop()
    await asyncio.sleep(rng.random() * SPREAD)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    began = loop.time()
    dripping = asyncio.create_task(drip(writer, drop, rng.random()))
    try:
        while await reader.read(1024):
            pass
    except ConnectionError:
        pass  # closed while a drop was on its way
    took = loop.time() - began
    dripping.cancel()
    writer.close()
    return took


async def drip(writer: asyncio.StreamWriter, drop: bytes, phase: float) -> None:
    await asyncio.sleep(phase)
    while drop:
        writer.write(drop)
        await asyncio.sleep(1.0)


async def others(client: Client) -> list[float]:
    """Send an event four times a second, as long as slow connections are there; time them."""
    times = []
    for number in range(POSTS):
        began = perf_counter()
        assert await client.post(body(f"e{number}")) == 204
        times.append(perf_counter() - began)
        await asyncio.sleep(0.25)
    return times


async def test_slow_senders_hold_up_nobody(
    scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """Headers and bodies that drip have 10 s, silence has 30 s; events are answered as ever."""
    rng = random.Random(14)
    app = web.Application()
    async with SqliteInbox(":memory:") as inbox:
        app.add_subapp("/planado", receiver(inbox, secrets=SECRET))
        async with serving(app) as addresses, client_of(addresses[0][1]) as client:
            kinds = [kind for kind in KINDS for _ in range(scaled(CONNECTIONS))]
            posting = asyncio.create_task(others(client))
            took = await asyncio.gather(*(slow(client.port, kind, rng) for kind in kinds))
            times = await posting
        counts = await inbox.counts()
    p99 = quantiles(times, n=100)[98]
    closed = {
        kind: [seconds for name, seconds in zip(kinds, took, strict=True) if name == kind]
        for kind in KINDS
    }
    figures(
        p99_ms=round(p99 * 1e3, 1),
        **{kind: f"{min(each):.1f}-{max(each):.1f} s" for kind, each in closed.items()},
    )
    for kind, (_, _, limit) in KINDS.items():
        assert limit - 0.5 < min(closed[kind]) <= max(closed[kind]) < limit + 1.5, kind
    assert (counts.waiting, counts.dead) == (POSTS, 0)
    assert p99 < P99
