"""Records of one kind in one portal, found by their number and listed in its order."""

from collections.abc import Callable, Iterator
from typing import Generic, Protocol, TypeVar


class _Record(Protocol):
    @property
    def id(self) -> int: ...


R = TypeVar("R", bound=_Record)


class Table(Generic[R]):
    """Keeps records; numbers begin after `first` and are never given twice."""

    def __init__(self, first: int = 0) -> None:
        self._records: dict[int, R] = {}
        self._last = first

    def __len__(self) -> int:
        return len(self._records)

    def __iter__(self) -> Iterator[R]:
        """Records by number, ascending."""
        return iter([*self._records.values()])

    def __contains__(self, id_: object) -> bool:
        return id_ in self._records

    def make(self, new: Callable[[int], R]) -> R:
        """Adds the record that `new` makes of the next number."""
        return self.put(new(self.new_id()))

    def new_id(self) -> int:
        """The next number."""
        self._last += 1
        return self._last

    def put(self, record: R) -> R:
        """Puts a record in the place of its former version."""
        self._records[record.id] = record
        return record

    def get(self, id_: int | None) -> R | None:
        """The record of a number."""
        return None if id_ is None else self._records.get(id_)

    def remove(self, id_: int) -> R:
        """Takes a record out."""
        return self._records.pop(id_)
