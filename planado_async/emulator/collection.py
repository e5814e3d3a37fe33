"""Records of one kind, in the order they were made, found by uuid and by a few other keys."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, Protocol, TypeVar


class _Record(Protocol):
    @property
    def uuid(self) -> str: ...


R = TypeVar("R", bound=_Record)


class Collection(Generic[R]):
    """Keeps records and pages through them; `keys` name the attributes one can find them by."""

    def __init__(self, *keys: str, size: int, newest_first: bool = False) -> None:
        self.size = size
        self.newest_first = newest_first
        self._records: dict[str, R] = {}
        self._found: dict[str, dict[str, str]] = {key: {} for key in keys}
        # Where each record stands in the order of making; numbers are never used twice.
        self._places: dict[str, int] = {}
        self._order: list[tuple[int, str]] = []
        self._next = 0

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        """Records in the order they were made."""
        return iter(self._records.values())

    def add(self, record: R) -> R:
        """Puts a new record at the end."""
        self._records[record.uuid] = record
        self._places[record.uuid] = self._next
        self._order.append((self._next, record.uuid))
        self._next += 1
        self._index(record)
        return record

    def replace(self, record: R) -> R:
        """Puts a record in the place of its former version."""
        self._forget(self._records[record.uuid])
        self._records[record.uuid] = record
        self._index(record)
        return record

    def remove(self, uuid: str) -> R:
        """Takes a record out."""
        record = self._records.pop(uuid)
        self._forget(record)
        place = self._places.pop(uuid)
        del self._order[bisect_left(self._order, (place, uuid))]
        return record

    def get(self, uuid: str | None) -> R | None:
        """The record of a uuid, in lower or upper case."""
        return None if uuid is None else self._records.get(uuid.lower())

    def find(self, key: str, value: str) -> R | None:
        """The record whose `key` is `value`; among several, the one that had it first."""
        if key == "uuid":
            return self.get(value)
        return self.get(self._found[key].get(value))

    def page(self, after: str | None, keep: Callable[[R], bool] = lambda _: True) -> list[R]:
        """The next page behind the record `after`; none if that one is unknown or gone."""
        return list(islice(filter(keep, self._behind(after)), self.size))

    def _behind(self, after: str | None) -> Iterator[R]:
        if after is None:
            start, stop = 0, len(self._order)
        elif (place := self._places.get(after.lower())) is None:
            return
        elif self.newest_first:
            start, stop = 0, bisect_left(self._order, (place, ""))
        else:
            start, stop = bisect_right(self._order, (place, "~")), len(self._order)
        places = range(start, stop)
        for position in reversed(places) if self.newest_first else places:
            yield self._records[self._order[position][1]]

    def _index(self, record: R) -> None:
        for key, found in self._found.items():
            if (value := getattr(record, key)) is not None:
                found.setdefault(value, record.uuid)

    def _forget(self, record: R) -> None:
        for key, found in self._found.items():
            if found.get(value := getattr(record, key)) == record.uuid:
                del found[value]
