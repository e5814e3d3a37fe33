from attrs import evolve, frozen

from planado_async.emulator.collection import Collection


@frozen
class Thing:
    """A record."""

    uuid: str
    name: str | None = None


def filled(newest_first: bool = False) -> Collection[Thing]:
    things = Collection[Thing]("name", size=2, newest_first=newest_first)
    for letter in "abcde":
        things.add(Thing(letter, name=f"name {letter}"))
    return things


def uuids(page: list[Thing]) -> str:
    return "".join(thing.uuid for thing in page)


def test_pages_oldest_first() -> None:
    """Pages follow each other behind the last item."""
    things = filled()
    assert [uuids(things.page(after)) for after in (None, "b", "d", "e")] == ["ab", "cd", "e", ""]


def test_pages_newest_first() -> None:
    """The other way round where the newest stand first."""
    things = filled(newest_first=True)
    assert [uuids(things.page(after)) for after in (None, "d", "b", "a")] == ["ed", "cb", "a", ""]


def test_unknown_or_gone_cursor_ends_the_list() -> None:
    """A cursor whose record is not there answers nothing."""
    things = filled()
    things.remove("b")
    assert things.page("b") == things.page("zzz") == []
    assert uuids(things.page("a")) == "cd"


def test_filter_counts_before_the_page_is_cut() -> None:
    """A page is full of what the filter keeps."""
    assert uuids(filled().page(None, lambda thing: thing.uuid not in "ac")) == "bd"


def test_keys_follow_a_record() -> None:
    """A record is found by its present key, not by a former one."""
    things = filled()
    things.replace(evolve(Thing("b"), name="new"))
    assert things.find("name", "name b") is None
    assert things.find("name", "new") == Thing("b", "new")
    assert things.find("uuid", "B") == Thing("b", "new")
    things.remove("b")
    assert things.find("name", "new") is None
    assert len(things) == 4


def test_first_holder_of_a_key_is_found() -> None:
    """Where a key is not unique, its first holder keeps it."""
    things = filled()
    things.add(Thing("f", "name a"))
    assert things.find("name", "name a") == Thing("a", "name a")
    things.remove("f")
    assert things.find("name", "name a") == Thing("a", "name a")
