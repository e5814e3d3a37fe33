"""The same call for many items, with the outcome of every one kept."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Generic, TypeVar

from attrs import field, frozen

from planado_async.core.errors import AuthenticationError, ConfigurationError

T = TypeVar("T")
R = TypeVar("R")


_log = logging.getLogger("planado_async")


class BulkItemCancelledError(Exception):
    """The call for one item ended as cancelled by itself, not because the bulk job was."""


@frozen(kw_only=True)
class Progress:
    """How far a bulk job is; `eta` is the seconds left at the pace so far."""

    done: int
    failed: int
    total: int
    eta: float


@frozen(kw_only=True)
class BulkReport(Generic[T, R]):
    """What became of every item, `ok` and `failed` in the order of finishing."""

    ok: list[tuple[T, R]] = field(factory=list)
    """Each item with what the call returned."""
    failed: list[tuple[T, Exception]] = field(factory=list)
    """Each item with the error it raised."""
    pending: deque[T] = field(factory=deque)
    """Items that were not begun: some are left only where a failure would have met them all."""

    def raise_for_failures(self) -> None:
        """Raise an ExceptionGroup of all failures, each with a note that names its item."""
        if self.failed:
            raise ExceptionGroup(
                f"{len(self.failed)} calls failed, {len(self.pending)} were not begun",
                [error for _, error in self.failed],
            )


async def bulk(
    fn: Callable[[T], Awaitable[R]],
    items: Iterable[T],
    *,
    key: Callable[[T], str] | None = None,
    concurrency: int = 8,
    on_progress: Callable[[Progress], object] | None = None,
) -> BulkReport[T, R]:
    """Call `fn(item)` for every item, at most `concurrency` at a time, and keep every outcome.

    `key` names an item in the note its error gets, which logs may show; it is the item's number if
    not given. `on_progress` is told after each item; if it fails, that is logged and it is not
    called again. A wrong API key or set-up fails every call alike, so after the first such error
    no more are begun.

    Raises:
        ValueError: `concurrency` is below 1.
    """
    if concurrency < 1:
        raise ValueError(f"concurrency is {concurrency}; at least one call must be allowed")
    job = _Job(fn, BulkReport(pending=deque(items)), key, on_progress)
    async with asyncio.TaskGroup() as workers:
        for _ in range(min(concurrency, job.total)):
            workers.create_task(job.work())
    return job.report


class _Job(Generic[T, R]):
    def __init__(
        self,
        fn: Callable[[T], Awaitable[R]],
        report: BulkReport[T, R],
        key: Callable[[T], str] | None,
        on_progress: Callable[[Progress], object] | None,
    ) -> None:
        self.report = report
        self.total = len(report.pending)
        self._fn = fn
        self._key = key
        self._on_progress = on_progress
        self._began = asyncio.get_running_loop().time()
        self._hopeless = False

    async def work(self) -> None:
        while self.report.pending and not self._hopeless:
            number = self.total - len(self.report.pending) + 1
            item = self.report.pending.popleft()
            try:
                self.report.ok.append((item, await self._fn(item)))
            except asyncio.CancelledError as error:
                if (task := asyncio.current_task()) and task.cancelling():
                    raise
                self._failed(item, number, BulkItemCancelledError(str(error)))
            except Exception as error:
                self._failed(item, number, error)
            self._tell()

    def _failed(self, item: T, number: int, error: Exception) -> None:
        error.add_note(f"item: {self._named(item, number)}")
        self.report.failed.append((item, error))
        self._hopeless |= isinstance(error, AuthenticationError | ConfigurationError)

    def _named(self, item: T, number: int) -> str:
        try:
            return self._key(item) if self._key else f"number {number}"
        except Exception as error:
            return f"number {number}, whose key failed: {error!r}"

    def _tell(self) -> None:
        try:
            if self._on_progress:
                self._on_progress(self._progress())
        except Exception:
            _log.exception("on_progress failed and is not called again; the calls go on")
            self._on_progress = None

    def _progress(self) -> Progress:
        failed = len(self.report.failed)
        done = len(self.report.ok) + failed
        pace = (asyncio.get_running_loop().time() - self._began) / done
        return Progress(done=done, failed=failed, total=self.total, eta=pace * (self.total - done))
