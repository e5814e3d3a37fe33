"""The same call for many items, with the outcome of every one kept, in a file if wanted.

That file, the checkpoint, has a line of JSON for its format, then one before each call and one when
it has ended. The last line of an item tells the next job what to do with it:

| its last line    | the next job                                                      |
|------------------|-------------------------------------------------------------------|
| none or `failed` | calls it                                                          |
| `ok`             | skips it; the line keeps the value, if JSON has a word for it     |
| `begun`          | fails it, because the process died before the call had ended      |
| `unknown`        | fails it, because nobody can tell whether the write happened      |

The last two are called again where the caller says that twice does no harm.
"""

import asyncio
import inspect
import json
import logging
import os
import sys
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from io import FileIO
from typing import Generic, Literal, TypeAlias, TypeVar

from attrs import field, frozen

from planado_async.core.errors import (
    AuthenticationError,
    BulkItemCancelledError,
    BulkItemInterruptedError,
    ConfigurationError,
    OutcomeUnknownError,
    ReauthorisationRequiredError,
)

if sys.platform == "win32":  # pragma: no cover

    def _take(descriptor: int) -> None:
        """Do nothing: a lock would keep those out who only read."""

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


T = TypeVar("T")
R = TypeVar("R")
Scalar: TypeAlias = str | int | float | bool | None
State: TypeAlias = Literal["begun", "ok", "failed", "unknown"]

_log = logging.getLogger("planado_async")

_MEETS_ALL = (AuthenticationError, ConfigurationError, ReauthorisationRequiredError)

_FORMAT = b'{"format": "planado_async bulk checkpoint", "version": 1}\n'


@frozen(kw_only=True)
class Progress:
    """How far a bulk job is: `done` of `total` items, `failed` and `skipped` ones among them.

    `eta` is the seconds left at the pace of the calls made so far.
    """

    done: int
    failed: int
    skipped: int
    total: int
    eta: float


@frozen(kw_only=True)
class BulkReport(Generic[T, R]):
    """What became of every item; `ok` and `failed` are in the order of finishing.

    Make one and pass it as `report=` to have it when the job is cancelled. While the job runs, the
    items under way are in none of the lists; once it is over, each item is in exactly one.
    """

    ok: list[tuple[T, R]] = field(factory=list)
    """Each item with what the call returned."""
    failed: list[tuple[T, Exception]] = field(factory=list)
    """Each item with the error it raised."""
    skipped: list[tuple[T, Scalar]] = field(factory=list)
    """Items that needed no call, each with the value that the checkpoint kept of an earlier one."""
    pending: deque[T] = field(factory=deque)
    """Items that were not begun: some are left after a cancellation, and where a failure would
    have met them all."""
    _used: bool = field(default=False, init=False, repr=False, eq=False)

    def raise_for_failures(self) -> None:
        """Raise an ExceptionGroup of all failures, each with a note that names its item."""
        if self.failed:
            raise ExceptionGroup(
                f"{len(self.failed)} calls failed, {len(self.pending)} were not begun",
                [error for _, error in self.failed],
            )

    def _begin(self) -> None:
        if self._used or self.ok or self.failed or self.skipped or self.pending:
            raise ValueError(
                "this report was used already: each job needs a BulkReport() of its own"
            )
        object.__setattr__(self, "_used", True)  # frozen for everybody else


async def bulk(
    fn: Callable[[T], Awaitable[R]],
    items: Iterable[T],
    *,
    key: Callable[[T], str] | None = None,
    concurrency: int = 8,
    on_progress: Callable[[Progress], object] | None = None,
    report: BulkReport[T, R] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    repeat_interrupted: bool = False,
    skip: Callable[[T], bool] | None = None,
) -> BulkReport[T, R]:
    """Call `fn(item)` for every item, at most `concurrency` at a time, and keep every outcome.

    `key` names an item in the note its error gets, which logs may show; it is the item's number if
    not given. `on_progress` is told after each call; if it fails, that is logged and it is not
    called again. A wrong API key or set-up fails every call alike, so after the first such error
    no more are begun. `skip` tells which items need no call.

    `report` is filled while the job runs. An item whose call is cancelled with the job is found in
    `failed` with a BulkItemCancelledError.

    `checkpoint` is the path of a file that the job writes down each call in, under the item's
    `key`. With the same file, what is done is skipped, and what failed is called again. Calls
    whose end is unknown fail with a BulkItemInterruptedError, unless `repeat_interrupted`.

    Raises:
        ValueError: `concurrency` is below 1, `report` was used before, or with a checkpoint there
            is no `key`, or it gives two items the same one or one that is not text.
        TypeError: `on_progress` is an `async def`.
        ConfigurationError: the checkpoint cannot be opened, is in use, or is another file.
    """
    check(concurrency, on_progress)
    items = list(items)
    names = _names(items, key) if checkpoint is None else _unique_names(items, key)
    report = BulkReport() if report is None else report
    with _opened(checkpoint) as file:
        report._begin()
        job = _Job(fn, report, on_progress, file)
        job.sort(zip(items, names, strict=True), skip, repeat_interrupted=repeat_interrupted)
        async with asyncio.TaskGroup() as workers:
            for _ in range(min(concurrency, len(report.pending))):
                workers.create_task(job.work())
    return report


def check(concurrency: int, on_progress: Callable[[Progress], object] | None) -> None:
    """Raise what `bulk` would raise for these two, before anything is spent on its items."""
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; at least one call must be allowed")
    if inspect.iscoroutinefunction(on_progress):
        raise TypeError("on_progress is an async def, which would never run; pass a plain function")


def _names(items: Sequence[T], key: Callable[[T], str] | None) -> list[str]:
    def named(number: int, item: T) -> str:
        try:
            return key(item) if key else f"number {number}"
        except Exception as error:
            return f"number {number}, whose key failed: {error!r}"

    return [named(number, item) for number, item in enumerate(items, 1)]


def _unique_names(items: Sequence[T], key: Callable[[T], str] | None) -> list[str]:
    if key is None:
        raise ValueError("a checkpoint knows an item by its key: pass key= too")
    names = [key(item) for item in items]
    for name in names:
        if not isinstance(name, str):
            raise ValueError(f"a key in a checkpoint is text, not {name!r}")
    if twice := [name for name, times in Counter(names).items() if times > 1]:
        raise ValueError(f"several items have the key {twice[0]!r}; in a checkpoint it is unique")
    return names


class _Job(Generic[T, R]):
    def __init__(
        self,
        fn: Callable[[T], Awaitable[R]],
        report: BulkReport[T, R],
        on_progress: Callable[[Progress], object] | None,
        file: "_Checkpoint | None",
    ) -> None:
        self._fn = fn
        self._report = report
        self._on_progress = on_progress
        self._file = file
        self._names = deque[str]()  # of what is pending
        self._began = asyncio.get_running_loop().time()
        self._total = 0
        self._settled = 0  # items that this job does not call
        self._hopeless = False

    def sort(
        self,
        items: Iterable[tuple[T, str]],
        skip: Callable[[T], bool] | None,
        *,
        repeat_interrupted: bool,
    ) -> None:
        """Part what is to be called from what needs no call or must not have one."""
        last = self._file.last if self._file else {}
        for item, name in items:
            line = last.get(name, _Line("failed"))
            if line.state == "ok" or (skip and skip(item)):
                self._report.skipped.append((item, line.value))
            elif line.state == "failed" or repeat_interrupted:
                self._report.pending.append(item)
                self._names.append(name)
            else:
                self._failed(item, name, BulkItemInterruptedError(_INTERRUPTED))
        self._settled = len(self._report.skipped) + len(self._report.failed)
        self._total = self._settled + len(self._report.pending)

    async def work(self) -> None:
        """Call for one pending item after the other."""
        while self._report.pending and not self._hopeless and not _is_cancelled():
            await self._call(self._report.pending.popleft(), self._names.popleft())
            self._tell()

    async def _call(self, item: T, name: str) -> None:
        try:
            self._write(name, "begun")
            value = await self._fn(item)
        except Exception as error:
            self._ended_badly(item, name, error)
        except BaseException as error:
            self._ended_badly(item, name, BulkItemCancelledError(_CANCELLED))
            if not isinstance(error, asyncio.CancelledError):
                raise  # else the call alone was cancelled, or `work` sees that the job was
        else:
            self._report.ok.append((item, value))
            self._write_end(name, "ok", value=_word_for(value))

    def _ended_badly(self, item: T, name: str, error: Exception) -> None:
        self._failed(item, name, error)
        is_unknown = isinstance(error, OutcomeUnknownError | BulkItemCancelledError)
        self._write_end(name, "unknown" if is_unknown else "failed", error=type(error).__name__)

    def _failed(self, item: T, name: str, error: Exception) -> None:
        error.add_note(f"item: {name}")
        self._report.failed.append((item, error))
        self._hopeless |= isinstance(error, _MEETS_ALL)

    def _write(self, name: str, state: State, **more: Scalar) -> None:
        if self._file:
            self._file.write({"key": name, "state": state, **more})

    def _write_end(self, name: str, state: State, **more: Scalar) -> None:
        try:
            self._write(name, state, **more)
        except ConfigurationError as error:
            # The report has the outcome; to the next job this call has no known end.
            _log.error("%s; no more calls are begun", error)
            self._hopeless = True

    def _tell(self) -> None:
        try:
            if self._on_progress:
                self._on_progress(self._progress())
        except Exception:
            _log.exception("on_progress failed and is not called again; the calls go on")
            self._on_progress = None

    def _progress(self) -> Progress:
        report = self._report
        done = len(report.ok) + len(report.failed) + len(report.skipped)
        pace = (asyncio.get_running_loop().time() - self._began) / (done - self._settled)
        return Progress(
            done=done,
            failed=len(report.failed),
            skipped=len(report.skipped),
            total=self._total,
            eta=pace * (self._total - done),
        )


_CANCELLED = (
    "the call was cancelled while under way, so it may or may not have happened: look the record "
    "up, or call again what may be called twice"
)
_INTERRUPTED = (
    "an earlier job began this call and its end is unknown, so it is not repeated: look the "
    "record up, leave the item out if it is done, and pass repeat_interrupted=True for the rest"
)


def _is_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _word_for(value: object) -> Scalar:
    """Return a value that JSON has a word for, and None in place of any other."""
    if not isinstance(value, str | int | float):
        return None
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:  # not finite, or of more digits than Python writes out
        return None
    return value


@frozen
class _Line:
    """The last that a checkpoint says of an item."""

    state: State
    value: Scalar = None


class _Checkpoint:
    """The file of one running job: `last` is what it said of each key when it was opened."""

    def __init__(self, file: FileIO) -> None:
        self.last = dict(_read_and_mended(file))
        self._file = file
        self._broken = ""

    def write(self, line: Mapping[str, Scalar]) -> None:
        """Append a line, which then outlives this process.

        Once that has failed it is not tried again: only the last line may be half a line.

        Raises:
            ConfigurationError: it cannot be written.
        """
        try:
            if not self._broken:
                _append(self._file, json.dumps(line).encode() + b"\n")
        except OSError as error:
            self._broken = str(error)
        if self._broken:
            raise ConfigurationError(
                f"the checkpoint {self._file.name!r} cannot be written: {self._broken}"
            )


@contextmanager
def _opened(path: str | os.PathLike[str] | None) -> Iterator[_Checkpoint | None]:
    """Give the checkpoint at `path` to this job alone; None if there is no path."""
    if path is None:
        yield None
        return
    name = os.fspath(path)
    with ExitStack() as stack:
        try:
            # Unbuffered, so that what is written does not die with the process.
            file = stack.enter_context(open(name, "a+b", buffering=0))
            _take(file.fileno())
            checkpoint = _Checkpoint(file)
        except BlockingIOError as error:
            raise ConfigurationError(
                f"the checkpoint {name!r} is in use by another job: give each a file of its own"
            ) from error
        except OSError as error:
            raise ConfigurationError(
                f"the checkpoint {name!r} cannot be opened: {error}"
            ) from error
        yield checkpoint


def _read_and_mended(file: FileIO) -> list[tuple[str, _Line]]:
    """Return what is written; its end is what a process that died in mid-write may have left.

    Half a line is cut off. A whole one that lacks only its end gets it: an editor may save it so.
    """
    file.seek(0)
    text = file.readall()
    if _FORMAT.startswith(text):
        file.truncate(0)
        _append(file, _FORMAT)
        return []
    last = text[text.rfind(b"\n") + 1 :]
    if _is_json(last):
        lines = _lines_of(text + b"\n", file.name)
        _append(file, b"\n")
    else:
        lines = _lines_of(text, file.name)
        file.truncate(len(text) - len(last))
    return lines


def _is_json(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _append(file: FileIO, line: bytes) -> None:
    if file.write(line) != len(line):
        raise OSError("there was room for half a line only")


def _lines_of(text: bytes, path: str) -> list[tuple[str, _Line]]:
    first, *lines = text.split(b"\n")
    if first + b"\n" != _FORMAT:
        raise ConfigurationError(
            f"{path!r}, line 1: no checkpoint of a bulk job, or one of another version, for it is "
            f"not {_FORMAT.decode().strip()}; give another path"
        )
    return [_line_of(line, f"{path!r}, line {number}") for number, line in enumerate(lines[:-1], 2)]


def _line_of(text: bytes, place: str) -> tuple[str, _Line]:
    try:
        match json.loads(text):
            case {"key": str(key), "state": "ok", "value": None | str() | int() | float() as value}:
                return key, _Line("ok", value)
            case {"key": str(key), "state": "begun" | "failed" | "unknown" as state}:
                return key, _Line(state)
            case _:
                raise ValueError("no such line is ever written")
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{place}: no line of a bulk checkpoint ({error}); mend it, or give another path"
        ) from error
