"""Records found by their names, in lists that are kept for a while.

    find ─► is the list young? ── no ─► fetch it: one fetches, who comes meanwhile waits for that
                │ yes                     │
                ▼                         ▼
            one record of the name ─► returned
                │ none, or several
                ▼
            is the list SETTLED seconds old? ── yes ─► fetch it, look once more
                │ no
                ▼
            NameLookupError

Who fetches does so in its own task, with its own options, so a fetch that ends by the caller's own
doing (cancelled, out of time) is no answer to those who wait: the next of them fetches. Any other
failure is everybody's. Nobody waits for a fetch of a lower priority than its own.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from difflib import get_close_matches
from operator import attrgetter
from typing import Generic, Protocol, TypeVar, Unpack, get_args

from attrs import Factory, define, frozen

from planado_async.core.encode import encode
from planado_async.core.errors import (
    BudgetWaitError,
    DeadlineExceededError,
    NameLookupError,
    PlanadoError,
    TryTimeoutError,
)
from planado_async.core.limiter import Priority
from planado_async.core.pages import Pages
from planado_async.core.resource import ModelT
from planado_async.core.transport import Options, Transport
from planado_async.planado.resources.resource import ClientOptions, Resource
from planado_async.planado.writes import CallOptions, Listing

SETTLED = 5.0
"""Seconds for which a name that a list lacks is taken to be missing. Somebody may have just added
it, so a miss asks again; but a thousand wrong names in a row are worth one fetch, not a thousand.
"""

_SHOWN = 10  # names an error lists if none of them is near
_PRIORITIES: tuple[Priority, ...] = get_args(Priority)

T = TypeVar("T")


class Listed(Protocol[T]):
    """What walks over the records of a directory: the `list` of its resource."""

    def __call__(self, **options: Unpack[Listing]) -> Pages[T]:
        """Return the walk."""
        ...


@frozen(kw_only=True)
class Asker(Generic[T]):
    """Somebody who needs a record: where it is listed, how to call there, and until when."""

    listed: Listed[T]
    options: Options
    keep_for: float
    """Seconds for which a list is good enough."""
    ends_at: float | None = Factory(lambda asker: _end_of(asker.options), takes_self=True)

    async def fetch(self) -> list[T]:
        """Return all records, within what is left of the time."""
        left = None if self.ends_at is None else self.ends_at - _now()
        timeout, priority = self.options.timeout, self.options.priority
        return await self.listed(timeout=timeout, deadline=left, priority=priority).collect()


def _end_of(options: Options) -> float | None:
    return None if options.deadline is None else _now() + options.deadline


@define
class _Fetch:
    """A fetch under way, and how it ended; `number` says in which order they began."""

    options: Options
    number: int
    loop: asyncio.AbstractEventLoop = Factory(asyncio.get_running_loop)
    ended: asyncio.Event = Factory(asyncio.Event)
    succeeded: bool = False
    failure: PlanadoError | None = None

    def is_for(self, options: Options) -> bool:
        """Tell whether a caller with these options may wait for it."""
        its, theirs = (_PRIORITIES.index(each.priority) for each in (self.options, options))
        return its <= theirs and self.loop is asyncio.get_running_loop()

    def failure_of(self, options: Options) -> PlanadoError | None:
        """Return the failure, if a caller with these options would have met it too."""
        match self.failure:
            case DeadlineExceededError() | BudgetWaitError():
                return None
            case TryTimeoutError() if options.timeout > self.options.timeout:
                return None
            case failure:
                return failure


class Kept(Generic[T]):
    """A list of records, fetched when it is needed and not young enough; the clock is the loop's.

    `record` is what to call one of them, `name` the attribute by which they are found.
    """

    def __init__(self, record: str, name: str = "name") -> None:
        self._record = record
        self._name = name
        self._records: Sequence[T] = ()
        self._fetched_at = float("-inf")
        self._fetch: _Fetch | None = None
        self._begun = 0  # fetches so far
        self._newest = 0  # the number of the fetch that brought the list, 0 if none did
        self._asking = 0  # callers who want a record just now

    def is_of_use(self) -> bool:
        """Tell whether there is a list, or somebody who may get one yet."""
        return self._newest > 0 or self._asking > 0

    async def find(self, name: str, asker: Asker[T]) -> T:
        """Return the one record of a name.

        Raises:
            DeadlineExceededError: the asker's time is over.
            NameLookupError: no record has this name, or several have.
        """
        self._asking += 1
        try:
            return await self._found_in_time(name, asker)
        finally:
            self._asking -= 1

    async def _found_in_time(self, name: str, asker: Asker[T]) -> T:
        scope = asyncio.timeout_at(asker.ends_at)
        try:
            async with scope:
                found = await self._found(_text(name), asker)
        except TimeoutError:
            if not scope.expired():
                raise
            said = f"not found within its deadline of {asker.options.deadline} s"
            raise DeadlineExceededError(said) from None
        if len(found) != 1:
            raise self._failure(name, found)
        return found[0]

    async def _found(self, name: str, asker: Asker[T]) -> list[T]:
        if self._age() >= asker.keep_for:
            await self._refresh(asker)
        found = self._named(name)
        if len(found) != 1 and self._age() >= SETTLED:
            await self._refresh(asker)
            found = self._named(name)
        return found

    def _age(self) -> float:
        # The clock of the next event loop may begin anew; then the list counts as just fetched.
        self._fetched_at = min(self._fetched_at, _now())
        return _now() - self._fetched_at

    async def _refresh(self, asker: Asker[T]) -> None:
        """Wait for the fetch under way, or fetch if there is none or it was given up."""
        while (fetch := self._fetch) and fetch.is_for(asker.options):
            await fetch.ended.wait()
            if failure := fetch.failure_of(asker.options):
                raise deepcopy(failure)
            if fetch.succeeded:
                return
        await self._fetch_as(asker)

    async def _fetch_as(self, asker: Asker[T]) -> None:
        self._begun += 1
        own = self._fetch = _Fetch(asker.options, self._begun)
        try:
            self._keep(await asker.fetch(), own.number)
            own.succeeded = True
        except PlanadoError as failure:
            own.failure = deepcopy(failure)  # notes and traceback are each caller's own
            raise
        finally:
            if self._fetch is own:  # else somebody of a higher priority fetches too
                self._fetch = None
            own.ended.set()

    def _keep(self, records: Sequence[T], number: int) -> None:
        """Take over a list, unless one that was asked for later is here already."""
        if number > self._newest:
            self._records, self._fetched_at, self._newest = records, _now(), number

    def _named(self, name: str) -> list[T]:
        """Return the records of exactly this name, else those whose name is alike."""
        exact = [each for its, each in self._names() if its == name]
        return exact or [each for its, each in self._names() if _folded(its) == _folded(name)]

    def _names(self) -> Iterator[tuple[str, T]]:
        for record in self._records:
            if name := getattr(record, self._name):
                yield name, record

    def _failure(self, name: str, found: Sequence[T]) -> NameLookupError:
        if found:
            uuids = list(map(attrgetter("uuid"), found))
            said = f"the {self._name} {name!r} belongs to several: {', '.join(uuids)}"
            return NameLookupError(f"{said}; use the uuid of the one you mean", uuids=uuids)
        names = sorted(name for name, _ in self._names())
        nearest = _nearest(name, names)
        hint = f"did you mean {_listed(nearest)}?" if nearest else f"there is {_listed(names)}"
        said = f"no {self._record} has the {self._name} {name!r}; {hint}"
        return NameLookupError(said, nearest=nearest)


class Directory(Resource, ABC, Generic[ModelT]):
    """A group of calls whose records are found by name."""

    _record: str
    _name = "name"

    def __init__(self, transport: Transport, options: ClientOptions) -> None:
        super().__init__(transport, options)
        self._kept: Kept[ModelT] = Kept(self._record, self._name)

    @abstractmethod
    def list(self, **options: Unpack[Listing]) -> Pages[ModelT]:
        """Walk over the records."""

    async def find(self, name: str, /, **options: Unpack[CallOptions]) -> ModelT:
        """Return the record of this name, mostly without a call; a job type is found by its code.

        The list is kept for the `directory_ttl` of the client and shared with its `with_options`;
        for a name that it lacks it is fetched again. If no record has exactly this name, letter
        case and the spaces around it are passed over.

        Raises:
            NameLookupError: no record has this name, or several have.
        """
        return await self._kept.find(name, self._asker(self.list, options))

    def _asker(self, listed: Listed[T], given: CallOptions) -> Asker[T]:
        options = self._options.of_call(encode(given, CallOptions), write=False)
        return Asker(listed=listed, options=options, keep_for=self._options.directory_ttl)


def _text(name: str) -> str:
    if not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise TypeError(f"a name is text, not {type(name).__name__}")
    return name


def _folded(name: str) -> str:
    return name.strip().casefold()


def _nearest(name: str, names: Iterable[str]) -> list[str]:
    """Return the names spelt almost like one, in the way they are written."""
    written = {_folded(each): each for each in names}
    return [written[each] for each in get_close_matches(_folded(name), written)]


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(map(repr, names[:_SHOWN]))
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown or "none"


def _now() -> float:
    return asyncio.get_running_loop().time()
