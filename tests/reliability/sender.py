"""Sends events as fast as told, from a process of its own: `python -m tests.reliability.sender`.

    python -m tests.reliability.sender open PORT PREFIX RATE SECONDS
    python -m tests.reliability.sender closed PORT PREFIX CONNECTIONS SECONDS

`open`: at RATE a second, whether or not those before are answered; an event's time counts from when
it should have been sent, also where it waited for one of 256 connections. `closed`: each of so many
CONNECTIONS sends its next when it has its answer. Events are called PREFIX0, PREFIX1, … and go
round forty entities. Printed are, as JSON, how many were answered with which status, and
percentiles of their times in milliseconds.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import count
from statistics import quantiles

import orjson
from attrs import asdict, frozen

from tests.webhooks.making import SECRET, body

ENTITIES = 40
LINES = 256
IDLE = 10.0  # seconds after which a line is left alone: the service closes it some time
FILLING = "x" * 1400  # makes a body of 1.6 kB


@frozen
class Sent:
    """What came of a load: how many by status, and how long their answers took."""

    statuses: dict[str, int]
    p50: float
    p99: float
    longest: float

    @property
    def all(self) -> int:
        return sum(self.statuses.values())


async def sent(mode: str, port: int, prefix: str, much: int, seconds: float) -> Sent:
    """Send a load in a process of its own, and return what came of it."""
    told = (mode, str(port), prefix, str(much), str(seconds))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.reliability.sender", *told), stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return Sent(**orjson.loads(said))


def requests(prefix: str) -> Iterator[bytes]:
    """Yield one request after another."""
    for number in count():
        event = body(
            f"{prefix}{number}",
            entity=f"{prefix}-{number % ENTITIES}",
            version=number,
            description=FILLING,
        )
        head = (
            "POST /planado HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"X-Planado-Secret: {SECRET}\r\nX-Planado-Delivery-Attempt: 1\r\n"
            f"Content-Length: {len(event)}\r\n\r\n"
        )
        yield head.encode() + event


class Line:
    """A connection that is kept open."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> str:
        """Send a request and return the status of its answer."""
        self._writer.write(request)
        answer = await self._reader.readuntil(b"\r\n\r\n")
        return answer.split(b" ", 2)[1].decode()


class Load:
    """Sends, and takes down what comes of it."""

    def __init__(self, port: int, prefix: str) -> None:
        self._port = port
        self._requests = requests(prefix)
        self._free: list[tuple[Line, float]] = []  # and since when, the latest at the end
        self._lines = asyncio.Semaphore(LINES)
        self._statuses: Counter[str] = Counter()
        self._times: list[float] = []
        self._time = asyncio.get_running_loop().time

    async def open(self, rate: int, seconds: float) -> None:
        """Send at a rate."""
        begin = self._time()
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = begin + number / rate
                if due > self._time():
                    await asyncio.sleep(due - self._time())
                group.create_task(self._one(due))

    async def closed(self, connections: int, seconds: float) -> None:
        """Send over so many connections, each after its answer."""
        end = self._time() + seconds
        await asyncio.gather(*(self._until(end) for _ in range(connections)))

    async def _until(self, end: float) -> None:
        while self._time() < end:
            await self._one(self._time())

    async def _one(self, due: float) -> None:
        async with self._lines:
            line = await self._line()
            self._statuses[await line.ask(next(self._requests))] += 1
            self._free.append((line, self._time()))
        self._times.append(self._time() - due)

    async def _line(self) -> Line:
        if self._free:
            line, since = self._free.pop()
            if since > self._time() - IDLE:
                return line
            self._free.clear()  # all others are idle for longer
        return Line(*await asyncio.open_connection("127.0.0.1", self._port))

    def told(self) -> Sent:
        cuts = quantiles(self._times, n=100)
        return Sent(
            statuses=dict(self._statuses),
            p50=cuts[49] * 1e3,
            p99=cuts[98] * 1e3,
            longest=max(self._times) * 1e3,
        )


async def main(mode: str, port: int, prefix: str, much: int, seconds: float) -> None:
    load = Load(port, prefix)
    await {"open": load.open, "closed": load.closed}[mode](much, seconds)
    print(orjson.dumps(asdict(load.told())).decode())


if __name__ == "__main__":
    asyncio.run(
        main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
    )
