"""What a disk holds after a power cut, from the system calls of a program that wrote to it.

A write is on the disk for certain when an fdatasync of its file, begun after it, has returned.
Until then any part of it may be there, in sectors of 512 bytes, and of two writes the later one
alone. Names of files are kept likewise: what is made or removed is so for certain after an
fdatasync of the folder, and until then up to some moment, in order.

strace records the calls. It sees one begin before it happens, and end after it has happened; so
what came before something in the record came before it in the world.
"""

import os
import random
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from attrs import Factory, define, frozen

CALLS = "openat,unlink,pwrite64,ftruncate,fdatasync,fsync,recvfrom,sendto,sendmsg"
SECTOR = 512
KEPT = (0.0, 0.1, 0.5, 0.9)  # of what is not certain, the part that a cut lets be
_LINE = re.compile(
    r"(?P<pid>\d+) +(?:<\.\.\. \w+ resumed>(?P<rest>.*)|(?P<call>\w+\(.*))", re.DOTALL
)
_CALL = re.compile(r"(\w+)\((?:\d+<([^>]*)>)?(.*)", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_NUMBERS = re.compile(r", (\d+)")
_EVENT = re.compile(rb'"event_uuid":"([^"]+)"')
_DONE = re.compile(r" = \d")  # else an error, or the end of the program
_UNFINISHED = " <unfinished ...>"


def need_strace() -> None:
    """Skip a test where strace is missing; in CI it must not be."""
    if shutil.which("strace") is None:
        missing = "strace is needed to see system calls; on Debian: apt-get install strace"
        pytest.fail(missing) if os.environ.get("CI") else pytest.skip(missing)


def recording(trace: Path) -> Sequence[str]:
    """Return the words that record a command's calls; the command stays our own child (-D)."""
    told = ("-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}")
    return ("strace", "-D", "--seccomp-bpf", *told, "-o", str(trace))


@frozen
class Step:
    """The begin or the end of a call; of a begin only what is handed over is known."""

    ends: bool
    call: str
    on: str
    """The file or socket it is about."""
    data: bytes
    numbers: Sequence[int]
    text: str

    @property
    def done(self) -> bool:
        return self.ends and _DONE.search(self.text) is not None


def steps(trace: Path) -> Iterator[Step]:
    """Read a record."""
    begun: dict[str, str] = {}
    with trace.open() as lines:
        for line in lines:
            match = _LINE.match(line.rstrip("\n"))
            if match is None:
                continue  # the end of a thread
            pid, rest, call = match["pid"], match["rest"], match["call"]
            if call is None:
                yield _step(begun.pop(pid) + rest, ends=True)
            elif call.endswith(_UNFINISHED):
                begun[pid] = call.removesuffix(_UNFINISHED)
                yield _step(begun[pid], ends=False)
            else:
                yield _step(call, ends=False)
                yield _step(call, ends=True)


def _step(text: str, *, ends: bool) -> Step:
    match = _CALL.match(text)
    assert match, text
    call, on, rest = match.groups()
    strings = [_bytes(each) for each in _STRING.findall(rest)]
    if on is None:  # a call that names its file
        path = strings[-1].decode() if strings else ""
        return Step(ends, call, path, b"", (), rest)
    tail = _STRING.sub("", rest)
    numbers = [int(each) for each in _NUMBERS.findall(tail)]
    return Step(ends, call, _bytes(on).decode(), b"".join(strings), numbers, tail)


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", ""))


@frozen
class Write:
    """Bytes at a place, or with None the new length of a file."""

    at: int
    data: bytes | None

    def apply(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.at :]
        content.extend(bytes(max(self.at + len(self.data or b"") - len(content), 0)))
        content[self.at : self.at + len(self.data or b"")] = self.data or b""

    def sectors(self) -> Iterator["Write"]:
        """Cut it where a disk may."""
        if self.data is None:
            yield self
            return
        end = self.at + len(self.data)
        for start in range(self.at - self.at % SECTOR, end, SECTOR):
            first, last = max(start, self.at), min(start + SECTOR, end)
            yield Write(first, self.data[first - self.at : last - self.at])


@define(eq=False)
class File:
    """What a file holds for certain, and what was written since."""

    certain: bytearray = Factory(bytearray)
    since: list[Write] = Factory(list)

    def settle(self, count: int) -> list[Write]:
        """Make the first so many writes certain, and return them."""
        settled, self.since = self.since[:count], self.since[count:]
        for write in settled:
            write.apply(self.certain)
        return settled

    def after_cut(self, rng: random.Random) -> bytes:
        content, kept = bytearray(self.certain), rng.choice(KEPT)
        for write in self.since:
            for sector in write.sectors():
                if rng.random() < kept:
                    sector.apply(content)
        return bytes(content)


class Disk:
    """A folder's files of the inbox, but for the index, which is shared memory and not kept.

    `acknowledged` are the events answered 204, `certain` those of which a write is on the disk for
    certain, and `premature` those answered before that.
    """

    def __init__(self, folder: Path) -> None:
        self.acknowledged: list[str] = []
        self.certain: set[str] = set()
        self.premature: list[str] = []
        self._folder = str(folder)
        self._files: dict[str, File] = {}
        self._there: dict[str, File] = {}
        self._renamed: list[tuple[str, File | None]] = []
        self._marks: dict[str, int] = {}
        self._asked: dict[str, str] = {}

    def take(self, step: Step) -> None:
        """Let a step happen."""
        if step.on.startswith("socket:"):
            self._answer(step)
        elif step.on == self._folder:
            self._sync_folder(step)
        elif self._is_kept(step.on):
            self._change(step)

    def _is_kept(self, path: str) -> bool:
        name = path.removeprefix(f"{self._folder}/")
        return name.startswith("inbox.db") and not name.endswith(("-shm", ".lock"))

    def _answer(self, step: Step) -> None:
        if step.call == "recvfrom" and step.ends:
            for event in _EVENT.findall(step.data):
                self._asked[step.on] = event.decode()
        elif not step.ends and step.data.startswith(b"HTTP/1.1 204"):
            event = self._asked.pop(step.on)
            self.acknowledged.append(event)
            if event not in self.certain:
                self.premature.append(event)

    def _sync_folder(self, step: Step) -> None:
        if step.call in ("fsync", "fdatasync") and step.done:
            self._there = self._named(len(self._renamed))
            self._renamed.clear()

    def _named(self, count: int) -> dict[str, File]:
        named: dict[str, File | None] = {**self._there, **dict(self._renamed[:count])}
        return {path: file for path, file in named.items() if file is not None}

    def _change(self, step: Step) -> None:
        path = step.on
        if step.call == "openat" and step.done and path not in self._files:
            self._files[path] = File()
            self._renamed.append((path, self._files[path]))
        elif step.call == "unlink" and step.done:
            del self._files[path]
            self._renamed.append((path, None))
        elif step.call == "pwrite64" and not step.ends:
            self._files[path].since.append(Write(step.numbers[-1], step.data))
        elif step.call == "ftruncate" and not step.ends:
            self._files[path].since.append(Write(step.numbers[-1], None))
        elif step.call in ("fsync", "fdatasync"):
            self._sync(step, self._files[path])

    def _sync(self, step: Step, file: File) -> None:
        if not step.ends:
            self._marks[step.on] = len(file.since)
        elif step.done:
            for write in file.settle(self._marks[step.on]):
                self.certain.update(event.decode() for event in _EVENT.findall(write.data or b""))

    def cut(self, into: Path, rng: random.Random) -> None:
        """Write down what may be left when the power is cut now."""
        for path, file in self._named(rng.randint(0, len(self._renamed))).items():
            (into / Path(path).name).write_bytes(file.after_cut(rng))


def disks(steps: Iterable[Step], folder: Path) -> Iterator[Disk]:
    """Yield the disk after each step, the same object each time."""
    disk = Disk(folder)
    for step in steps:
        disk.take(step)
        yield disk
