"""What all clients are: opened with `async with` and shared by a whole service."""

import os
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self, TypeVar

from planado_async.core.bulk import BulkReport, Progress, bulk
from planado_async.core.encode import encode_any
from planado_async.core.limiter import Budget
from planado_async.core.resource import ClientOptions
from planado_async.core.transport import Call, Transport, checked_path

T = TypeVar("T")
R = TypeVar("R")


class Client:
    """A client of one API; a subclass has the API's groups of calls."""

    _transport: Transport
    _options: ClientOptions

    @property
    def budget(self) -> Budget:
        """How the call budget stands now; read it inside the event loop."""
        return self._transport.limiter.budget()

    async def bulk(
        self,
        fn: Callable[[T], Awaitable[R]],
        items: Iterable[T],
        *,
        key: Callable[[T], str] | None = None,
        concurrency: int = 8,
        on_progress: Callable[[Progress], object] | None = None,
        report: BulkReport[T, R] | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        repeat_interrupted: bool = False,
    ) -> BulkReport[T, R]:
        """Call `fn(item)` for every item within the budget, and keep every outcome.

        Args:
            fn: called with one item, such as `planado.jobs.get`.
            items: taken whole before the first call.
            key: names an item in the note its error gets, which logs may show, and in the
                checkpoint; without it the note has the item's number.
            concurrency: calls under way at a time, at most.
            on_progress: a plain function, told after each call; if it fails it is not called again.
            report: a `BulkReport()` to fill, to have it if the job is cancelled.
            checkpoint: a file to go on from if the job does not end. Calls that it says are done
                are skipped, those that failed are made again.
            repeat_interrupted: call again what the checkpoint knows no end of. That is right for
                reads, upserts, deletes, updates that add no custom or report fields, and creates
                with an external_id of your own.

        Raises:
            ValueError: `concurrency` is below 1, `report` was used before, or with a checkpoint
                there is no `key`, or it gives two items the same one or one that is not text.
            TypeError: `on_progress` is an `async def`.
            ConfigurationError: the checkpoint cannot be opened, is in use, or is another file.
        """
        return await bulk(
            fn,
            items,
            key=key,
            concurrency=concurrency,
            on_progress=on_progress,
            report=report,
            checkpoint=checkpoint,
            repeat_interrupted=repeat_interrupted,
        )

    async def _request(
        self,
        method: str,
        path: str,
        *,
        route: str,
        query: Mapping[str, str] | Sequence[tuple[str, str]],
        body: Any,
        given: Mapping[str, Any],
    ) -> Any:
        """Send a call that has no method of its own."""
        method = method.upper()
        call = Call(
            method=method,
            route=route,
            path=checked_path(path),
            effect="read" if method == "GET" else "once",
            query=tuple(query.items() if isinstance(query, Mapping) else query),
            body=encode_any(body, "body"),
            options=self._options.of_call(given, write=method != "GET"),
        )
        return await self._transport.send(call)

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._transport.close()

    def __repr__(self) -> str:
        # Tracebacks with locals show a client that its set-up has left half made.
        transport = getattr(self, "_transport", None)
        name = type(self).__name__
        return f"<{name} at {transport.base_url}>" if transport else f"<{name}, not set up>"
