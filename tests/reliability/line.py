"""A line between a client and a server that breaks, in a known share of the calls and known ways.

It carries HTTP/1.1 messages whose length is announced, one call at a time on each connection, as
the client and the emulator speak. What comes of a call, by the fault that strikes it:

    unread      the line is reset, and the server has never heard of the call
    half_open   the same, but the line just falls silent
    reset       the server has done it, and the line is reset in place of an answer
    cut         the same, after some bytes of the answer the line is closed in good order
    stall       the same, after some bytes of the answer the line falls silent
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from types import TracebackType
from typing import Self, cast

from attrs import frozen

FAULTS = ("unread", "half_open", "reset", "cut", "stall")
_RST = struct.pack("ii", 1, 0)  # SO_LINGER: on, for no seconds


@frozen
class Done:
    """A write that the server has carried out."""

    method: str
    path: str
    body: bytes


class FaultyLine:
    """Forwards what comes to its port; each fault strikes the `share` of all calls."""

    def __init__(self, server_port: int, rng: random.Random, share: float) -> None:
        self._server_port = server_port
        self._rng = rng
        self._share = share
        self._dealt: list[str] = []
        self._serving: set[asyncio.Task[None]] = set()
        self.struck: Counter[str] = Counter()
        self.done: list[Done] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    @property
    def port(self) -> int:
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._server_port)
        try:
            while await self._carry(reader, writer, far_reader, far_writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # either side has hung up
        finally:
            far_writer.close()
            writer.close()

    async def _carry(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        far_reader: asyncio.StreamReader,
        far_writer: asyncio.StreamWriter,
    ) -> bool:
        """Carry one call, and tell whether the line still stands."""
        request = await _message(reader)
        fault = self._next_fault()
        self.struck[fault] += 1
        if fault == "unread":
            return _reset(writer)
        if fault == "half_open":
            return await _silence(reader)
        far_writer.write(request)
        answer = await _message(far_reader)
        self._note(request, answer)
        if fault == "reset":
            return _reset(writer)
        if fault == "none":
            writer.write(answer)
            return True
        writer.write(answer[: self._rng.randrange(len(answer))])
        return await _silence(reader) if fault == "stall" else False

    def _next_fault(self) -> str:
        """Deal from a shuffled hundred, so that the shares are kept however the calls fall."""
        if not self._dealt:
            faults = FAULTS * round(self._share * 100)
            self._dealt = [*faults, *["none"] * (100 - len(faults))]
            self._rng.shuffle(self._dealt)
        return self._dealt.pop()

    def _note(self, request: bytes, answer: bytes) -> None:
        """Keep a write that has succeeded."""
        method, path, _ = request.split(b" ", 2)
        if method != b"GET" and answer.split(b" ", 2)[1].startswith(b"2"):
            body = request.partition(b"\r\n\r\n")[2]
            self.done.append(Done(method.decode(), path.decode(), body))


async def _message(reader: asyncio.StreamReader) -> bytes:
    """Read one request or answer, whole."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + await reader.readexactly(int(length[0].split(b":")[1]) if length else 0)


def _reset(writer: asyncio.StreamWriter) -> bool:
    """Break the line with a RST."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
    writer.transport.abort()
    return False


async def _silence(reader: asyncio.StreamReader) -> bool:
    """Say nothing until the other side hangs up."""
    await reader.read()
    return False
