"""The same call for many items."""

import asyncio
import json
import os
import pickle
import resource
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Literal

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async import Planado
from planado_async.core.bulk import BulkReport, Progress, bulk
from planado_async.core.errors import (
    AuthenticationError,
    BulkItemCancelledError,
    BulkItemInterruptedError,
    ConfigurationError,
    NotFoundError,
    OutcomeUnknownError,
    ReauthorisationRequiredError,
)
from planado_async.emulator import Emulator
from tests import readme


async def double(number: int) -> int:
    await asyncio.sleep(1.0)
    return 2 * number


async def test_every_item_is_kept_with_its_value() -> None:
    """Each item stands beside what the call returned."""
    report = await bulk(double, range(5))
    assert sorted(report.ok) == [(0, 0), (1, 2), (2, 4), (3, 6), (4, 8)]
    assert (report.failed, list(report.pending)) == ([], [])
    report.raise_for_failures()


async def test_no_items_are_no_work() -> None:
    """An empty job ends at once and tells no progress."""
    told = list[Progress]()
    report = await bulk(double, list[int](), on_progress=told.append)
    assert (report.ok, report.failed, told) == ([], [], [])


@pytest.mark.parametrize(("concurrency", "seconds"), [(1, 6), (4, 2), (100, 1)])
async def test_at_most_so_many_at_a_time(concurrency: int, seconds: int) -> None:
    """Six calls of a second each take as long as the concurrency allows."""
    began = asyncio.get_running_loop().time()
    await bulk(double, range(6), concurrency=concurrency)
    assert asyncio.get_running_loop().time() - began == pytest.approx(seconds)


async def test_no_concurrency_is_refused() -> None:
    """A job that could do nothing is a ValueError."""
    with pytest.raises(ValueError, match="at least one call"):
        await bulk(double, [1], concurrency=0)


async def odd_ones_fail(number: int) -> int:
    if number % 2:
        raise NotFoundError(f"404: {number}", status=404)
    return number


async def test_failures_are_kept_beside_their_items() -> None:
    """The rest goes on, and each error has a note that names its item."""
    report = await bulk(odd_ones_fail, range(5), key=lambda number: f"row {number}", concurrency=1)
    assert [item for item, _ in report.ok] == [0, 2, 4]
    assert [(item, str(error)) for item, error in report.failed] == [(1, "404: 1"), (3, "404: 3")]
    assert [error.__notes__ for _, error in report.failed] == [["item: row 1"], ["item: row 3"]]
    assert not report.pending


async def test_failures_can_be_raised_together() -> None:
    """One group holds them all and counts them."""
    report = await bulk(odd_ones_fail, range(5))
    with pytest.raises(ExceptionGroup, match="2 calls failed, 0 were not begun") as caught:
        report.raise_for_failures()
    assert caught.group_contains(NotFoundError, match="404: 3")


@pytest.mark.parametrize(
    "error",
    [
        AuthenticationError("401", status=401),
        ConfigurationError("no key"),
        ReauthorisationRequiredError("gone", portal="acme", app_id="app"),
    ],
)
async def test_what_would_fail_every_call_ends_the_job(error: Exception) -> None:
    """After a wrong key no further call is begun, and what is left is named."""

    async def fail(number: int) -> None:
        await asyncio.sleep(1.0)
        raise error

    report = await bulk(fail, range(100), concurrency=3)
    assert len(report.failed) == 3
    assert list(report.pending) == list(range(3, 100))


async def test_progress_is_told_after_each_item() -> None:
    """It counts, and the seconds left follow from the pace so far."""
    told = list[Progress]()

    async def call(number: int) -> int:
        await asyncio.sleep(2.0)
        return await odd_ones_fail(number)

    await bulk(call, range(4), concurrency=1, on_progress=told.append)
    assert [(each.done, each.failed, each.total) for each in told] == [
        (1, 0, 4),
        (2, 1, 4),
        (3, 1, 4),
        (4, 2, 4),
    ]
    assert {each.skipped for each in told} == {0}
    assert [each.eta for each in told] == pytest.approx([6.0, 4.0, 2.0, 0.0])


async def test_cancelling_the_job_cancels_its_calls() -> None:
    """No call goes on behind the back of who gave up."""
    running = 0

    async def call(number: int) -> None:
        nonlocal running
        running += 1
        try:
            await asyncio.sleep(3600)
        finally:
            running -= 1

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await bulk(call, range(20), concurrency=4)
    assert running == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_items_may_come_from_an_iterator() -> None:
    """An iterator is taken whole before the first call."""
    report = await bulk(odd_ones_fail, iter([0, 2]))
    assert [item for item, _ in report.ok] == [0, 2]


async def test_a_call_that_ends_as_cancelled_is_a_failure() -> None:
    """An item whose call awaited something cancelled is kept like any other failure."""

    async def awaits_the_cancelled(number: int) -> int:
        if number == 3:
            gone = asyncio.ensure_future(asyncio.sleep(1))
            gone.cancel()
            await gone
        return number

    report = await bulk(awaits_the_cancelled, range(10), concurrency=2)
    assert len(report.ok) == 9
    ((item, error),) = report.failed
    assert (item, type(error)) == (3, BulkItemCancelledError)


@pytest.mark.parametrize(("key", "note"), [(None, "item: number 2"), (lambda _: 1 / 0, "number 2")])
async def test_an_item_without_a_key_is_named_by_its_number(key: Any, note: str) -> None:
    """An item may hold what no log should show, so only the caller's key names it."""
    report = await bulk(odd_ones_fail, range(3), key=key, concurrency=1)
    assert note in report.failed[0][1].__notes__[0]


async def test_a_progress_bar_that_would_never_run_is_refused() -> None:
    """Nobody awaits an async def, so it is told before any call."""
    calls = Calls()

    async def tell(progress: Progress, width: int = 80) -> None:
        raise AssertionError

    for on_progress in (tell, partial(tell, width=40)):
        with pytest.raises(TypeError, match="on_progress is an async def"):
            await bulk(calls, "ab", on_progress=on_progress)
    assert calls.begun == []


async def test_a_progress_bar_that_breaks_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged once and left alone; every call is still made."""
    told = list[Progress]()

    def breaks(progress: Progress) -> None:
        told.append(progress)
        raise RuntimeError("the terminal is gone")

    report = await bulk(double, range(5), concurrency=1, on_progress=breaks)
    assert (len(report.ok), len(told)) == (5, 1)
    assert [record.message for record in caplog.records] == [
        "on_progress failed and is not called again; the calls go on"
    ]


# --- The caller's report --------------------------------------------------------------------------


async def test_a_report_is_there_after_a_cancellation() -> None:
    """What ended, what was under way and what was not begun: each item is in one of the three."""
    report = BulkReport[int, int]()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await bulk(double, range(10), concurrency=3, report=report)
    assert report.ok == [(0, 0), (1, 2), (2, 4)]
    assert sorted(item for item, _ in report.failed) == [3, 4, 5]
    assert list(report.pending) == [6, 7, 8, 9]
    error = dict(report.failed)[3]
    assert isinstance(error, BulkItemCancelledError)
    assert "may or may not have happened" in str(error)
    assert error.__notes__ == ["item: number 4"]


async def test_a_report_is_right_while_the_job_runs() -> None:
    """Whoever looks sees what has ended and what is not begun yet."""
    report = BulkReport[int, int]()
    job = asyncio.create_task(bulk(double, range(5), concurrency=2, report=report))
    await asyncio.sleep(1.5)
    assert (report.ok, list(report.pending)) == ([(0, 0), (1, 2)], [4])
    assert await job is report


async def test_a_report_is_used_once() -> None:
    """Its second use is refused, also while every item of the first is under way."""
    report = BulkReport[int, int]()
    first = asyncio.create_task(bulk(double, [1], report=report))
    await asyncio.sleep(0.5)
    for _ in range(2):
        with pytest.raises(ValueError, match="used already"):
            await bulk(double, [1], report=report)
        await first
    with pytest.raises(ValueError, match="used already"):
        await bulk(double, [1], report=BulkReport(ok=[(1, 2)]))


async def test_a_call_that_will_not_be_cancelled_keeps_its_value() -> None:
    """Its outcome counts, and no other call is begun after the job was cancelled."""

    async def stubborn(number: int) -> int:
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            await asyncio.sleep(1.0)
        return number

    report = BulkReport[int, int]()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await bulk(stubborn, range(5), concurrency=2, report=report)
    assert sorted(report.ok) == [(0, 0), (1, 1)]
    assert (report.failed, list(report.pending)) == ([], [2, 3, 4])


async def test_what_no_job_survives_leaves_its_item_in_the_report() -> None:
    """A call that ends the whole program is found like a cancelled one."""

    class EndOfTheProgram(BaseException):
        pass

    async def fn(number: int) -> int:
        if number == 1:
            raise EndOfTheProgram
        return await double(number)

    report = BulkReport[int, int]()
    with pytest.raises(BaseExceptionGroup):
        await bulk(fn, range(4), concurrency=2, report=report)
    assert [item for item, _ in report.failed] == [1, 0]
    assert {type(error) for _, error in report.failed} == {BulkItemCancelledError}
    assert list(report.pending) == [2, 3]


@pytest.mark.parametrize("kind", [BulkItemCancelledError, BulkItemInterruptedError])
def test_the_errors_pickle(kind: type[Exception]) -> None:
    """They reach the parent of a pool of processes."""
    assert str(pickle.loads(pickle.dumps(kind("why")))) == "why"


# --- The checkpoint -------------------------------------------------------------------------------

HEADER = '{"format": "planado_async bulk checkpoint", "version": 1}\n'


class Calls:
    """Calls that end in a second as `ends` says, else well; `begun` tells which there were."""

    def __init__(self, ends: Mapping[str, Exception] | None = None) -> None:
        self.ends = ends or {}
        self.begun: list[str] = []

    async def __call__(self, key: str) -> str:
        self.begun.append(key)
        await asyncio.sleep(1.0)
        if error := self.ends.get(key):
            raise error
        return f"uuid of {key}"


UNKNOWN = OutcomeUnknownError("no answer", method="POST", path="/jobs")


async def resumed(
    path: Path, items: str, calls: Calls | None = None, **options: Any
) -> BulkReport[str, str]:
    """Run a job over the letters of a text, each its own key."""
    return await bulk(calls or Calls(), items, key=str, checkpoint=path, **options)


def items_of(report: BulkReport[str, str]) -> dict[str, str]:
    """Return the letters of each list of a report."""
    return {
        "ok": "".join(item for item, _ in report.ok),
        "failed": "".join(item for item, _ in report.failed),
        "skipped": "".join(item for item, _ in report.skipped),
        "pending": "".join(report.pending),
    }


async def test_a_second_job_does_what_the_first_left(tmp_path: Path) -> None:
    """What is done is skipped with its value; what failed and what is new is called."""
    path = tmp_path / "checkpoint"
    first = Calls({"b": NotFoundError("404", status=404)})
    await resumed(path, "abc", first)
    second = Calls()
    report = await resumed(path, "dabc", second)
    assert items_of(report) == {"ok": "db", "failed": "", "skipped": "ac", "pending": ""}
    assert dict(report.skipped) == {"a": "uuid of a", "c": "uuid of c"}
    assert sorted(second.begun) == ["b", "d"]
    assert items_of(await resumed(path, "abcd"))["skipped"] == "abcd"


async def test_the_file_holds_keys_values_and_kinds_of_errors(tmp_path: Path) -> None:
    """One line before each call and one after it; no text of an error, which may name people."""
    path = tmp_path / "checkpoint"
    ends = {"b": NotFoundError("404: Jo Doe", status=404), "c": UNKNOWN}
    await resumed(path, "abc", Calls(ends), concurrency=1)
    assert path.read_text().startswith(HEADER)
    assert [json.loads(line) for line in path.read_text().splitlines()[1:]] == [
        {"key": "a", "state": "begun"},
        {"key": "a", "state": "ok", "value": "uuid of a"},
        {"key": "b", "state": "begun"},
        {"key": "b", "state": "failed", "error": "NotFoundError"},
        {"key": "c", "state": "begun"},
        {"key": "c", "state": "unknown", "error": "OutcomeUnknownError"},
    ]


@pytest.mark.parametrize("value", ["наряд \ud800", 2**70, 0.1, True, False, None, ""])
async def test_a_scalar_is_kept_as_it_was(tmp_path: Path, value: Any) -> None:
    """Whatever JSON has a word for comes back from the file, also under a strange key."""

    async def call(key: str) -> Any:
        return value

    for _ in range(2):
        report = await bulk(call, ["\ud800\n"], key=str, checkpoint=tmp_path / "checkpoint")
    ((_, kept),) = report.skipped
    assert (kept, type(kept)) == (value, type(value))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"a": 1}, id="object"),
        pytest.param(["a"], id="list"),
        pytest.param(b"a", id="bytes"),
        pytest.param(object(), id="other"),
        pytest.param(float("nan"), id="nan"),
        pytest.param(float("inf"), id="inf"),
        pytest.param(-(10**4300), id="too many digits"),
    ],
)
async def test_any_other_value_is_not_kept(tmp_path: Path, value: Any) -> None:
    """The item counts as done all the same."""

    async def call(key: str) -> Any:
        return value

    for _ in range(2):
        report = await bulk(call, ["a"], key=str, checkpoint=tmp_path / "checkpoint")
    assert report.skipped == [("a", None)]


@pytest.mark.parametrize("ended", [True, False])
async def test_a_whole_last_line_counts_though_its_end_is_missing(
    tmp_path: Path, ended: bool
) -> None:
    """An editor may save the file without it; what is written on is a line of its own."""
    path, calls = tmp_path / "checkpoint", Calls()
    await resumed(path, "ab", concurrency=1)
    path.write_bytes(path.read_bytes() if ended else path.read_bytes()[:-1])
    report = await resumed(path, "abc", calls)
    assert (items_of(report)["skipped"], calls.begun) == ("ab", ["c"])
    assert items_of(await resumed(path, "abc"))["skipped"] == "abc"


@pytest.mark.parametrize("cut", [2, 10, 40])
async def test_a_torn_last_line_is_cut_off(tmp_path: Path, cut: int) -> None:
    """Its call has no known end, and the file goes on behind the line before it."""
    path = tmp_path / "checkpoint"
    await resumed(path, "ab", concurrency=1)
    path.write_bytes(path.read_bytes()[:-cut])
    report = await resumed(path, "abc")
    assert items_of(report) == {"ok": "c", "failed": "b", "skipped": "a", "pending": ""}
    assert items_of(await resumed(path, "ac"))["skipped"] == "ac"


async def test_what_was_under_way_is_told_and_repeated_only_on_request(tmp_path: Path) -> None:
    """After a cancellation it fails with what to do, until the caller says that twice is fine."""
    path = tmp_path / "checkpoint"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.5):
            await resumed(path, "abcd", concurrency=2)
    calls = Calls()
    report = await resumed(path, "abcde", calls)
    assert items_of(report) == {"ok": "e", "failed": "cd", "skipped": "ab", "pending": ""}
    assert calls.begun == ["e"]
    with pytest.raises(ExceptionGroup) as caught:
        report.raise_for_failures()
    assert caught.group_contains(BulkItemInterruptedError, match="repeat_interrupted=True")
    assert [error.__notes__ for _, error in report.failed] == [["item: c"], ["item: d"]]
    assert items_of(await resumed(path, "abcde"))["failed"] == "cd"
    report = await resumed(path, "abcde", repeat_interrupted=True)
    assert items_of(report) == {"ok": "cd", "failed": "", "skipped": "abe", "pending": ""}


async def test_a_write_of_unknown_outcome_is_not_repeated_unasked(tmp_path: Path) -> None:
    """Its job ended in order, but nobody can tell whether the record is there."""
    path = tmp_path / "checkpoint"
    await resumed(path, "ab", Calls({"b": UNKNOWN}))
    calls = Calls()
    report = await resumed(path, "ab", calls)
    assert (items_of(report)["failed"], calls.begun) == ("b", [])
    assert isinstance(report.failed[0][1], BulkItemInterruptedError)


async def test_the_pace_is_that_of_real_calls(tmp_path: Path) -> None:
    """What is skipped counts as done and says nothing of how long the rest will take."""
    path = tmp_path / "checkpoint"
    await resumed(path, "abcdef", Calls({"f": UNKNOWN}))
    told = list[Progress]()
    await resumed(path, "abcdefxyz", concurrency=1, on_progress=told.append)
    assert [(each.done, each.failed, each.skipped, each.total) for each in told] == [
        (7, 1, 5, 9),
        (8, 1, 5, 9),
        (9, 1, 5, 9),
    ]
    assert [each.eta for each in told] == pytest.approx([2.0, 1.0, 0.0])


@pytest.mark.parametrize(
    ("items", "key", "told"),
    [
        (["a"], None, "pass key="),
        (["a", "b", "a"], str, "'a'"),
        ([1], lambda number: number, "is text, not 1"),
    ],
)
async def test_keys_are_checked_before_any_call(
    tmp_path: Path, items: list[Any], key: Any, told: str
) -> None:
    """Without unique text nobody could tell the items apart; the file is not made."""
    calls = Calls()
    with pytest.raises(ValueError, match=told):
        await bulk(calls, items, key=key, checkpoint=tmp_path / "checkpoint")
    assert calls.begun == []
    assert not os.listdir(tmp_path)


async def test_a_key_is_asked_for_once(tmp_path: Path) -> None:
    """A call may change its item: the lines before and after it still have one key."""
    items = [{"id": "a"}, {"id": "b"}]

    async def call(item: dict[str, str]) -> str:
        return item.pop("id")

    for _ in range(2):
        made = [dict(item) for item in items]
        report = await bulk(call, made, key=lambda item: item["id"], checkpoint=tmp_path / "c")
    assert [value for _, value in report.skipped] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a,b,c\n1,2,3\n", 1),
        ("no line ends here", 1),
        (HEADER.replace("1}", "2}"), 1),
        (HEADER + "\n", 2),
        (HEADER + '{"key": "a", "state": "begun"}\n{"key": "a", "sta\n', 3),
        (HEADER + '{"key": 1, "state": "begun"}\n', 2),
        (HEADER + '{"key": "a", "state": "lost"}\n', 2),
        (HEADER + '{"key": "a", "state": "ok", "value": [1]}\n', 2),
        (HEADER + '{"key": "a", "state": "ok"}\n', 2),
        (HEADER + "[" * 100_000 + "\n", 2),
        (HEADER + "\xff\n{", 2),
        (HEADER + '{"key": "a", "state": "lost"}', 2),
    ],
)
async def test_another_file_is_refused_and_left_alone(tmp_path: Path, text: str, line: int) -> None:
    """The error names file and line, no call is made, and the file is as it was."""
    path = tmp_path / "checkpoint"
    path.write_bytes(text.encode("latin-1"))
    calls, report = Calls(), BulkReport[str, str]()
    with pytest.raises(ConfigurationError, match=f"checkpoint', line {line}: "):
        await resumed(path, "a", calls, report=report)
    assert calls.begun == []
    assert path.read_bytes() == text.encode("latin-1")
    await resumed(tmp_path / "other", "a", report=report)


@pytest.mark.parametrize("name", ["", "nowhere/checkpoint", "."])
async def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path, name: str) -> None:
    """A missing folder or a folder in place of a file is told before any call."""
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        await bulk(double, [1], key=str, checkpoint=f"{tmp_path}/{name}")


async def test_two_jobs_never_share_a_checkpoint(tmp_path: Path) -> None:
    """The second is refused while the first runs, also by another path; later it goes on."""
    path, other = tmp_path / "checkpoint", tmp_path / "link"
    other.symlink_to(path)
    first = asyncio.create_task(resumed(path, "ab"))
    await asyncio.sleep(0.5)
    for each in (path, other):
        with pytest.raises(ConfigurationError, match="in use by another job"):
            await resumed(each, "ab")
    assert len((await first).ok) == 2
    assert len((await resumed(other, "ab")).skipped) == 2


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """Let the system refuse to write more, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)


LINE = len('{"key": "a", "state": "begun"}\n')


@pytest.mark.parametrize(
    ("room", "ok", "failed", "pending", "next_time"),
    [
        (3 * LINE, "abc", "", "d", {"failed": "abc", "ok": "d"}),
        (3 * LINE + 4, "abc", "", "d", {"failed": "abc", "ok": "d"}),
        (2 * LINE + 4, "ab", "c", "d", {"failed": "ab", "ok": "cd"}),
    ],
)
async def test_a_full_disk_ends_the_job_and_loses_nothing(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    room: int,
    ok: str,
    failed: str,
    pending: str,
    next_time: dict[str, str],
) -> None:
    """No call goes unwritten; those under way end, and the next job knows that it cannot know."""
    path, calls = tmp_path / "checkpoint", Calls()
    with no_file_longer_than(len(HEADER) + room):
        report = await resumed(path, "abcd", calls, concurrency=3)
    assert items_of(report) == {"ok": ok, "failed": failed, "skipped": "", "pending": pending}
    assert {type(error) for _, error in report.failed} <= {ConfigurationError}
    assert "".join(calls.begun) == ok
    assert "cannot be written" in caplog.text
    report = await resumed(path, "abcd")
    assert items_of(report) == {"skipped": "", "pending": "", **next_time}


@pytest.mark.parametrize("room", [0, 10])
async def test_a_disk_that_is_full_already_is_told_before_any_call(
    tmp_path: Path, room: int
) -> None:
    """Without room for the first line nothing is begun, and the same path serves later."""
    path, calls = tmp_path / "checkpoint", Calls()
    with no_file_longer_than(room), pytest.raises(ConfigurationError, match="cannot be opened"):
        await resumed(path, "ab", calls)
    assert calls.begun == []
    assert items_of(await resumed(path, "ab"))["ok"] == "ab"


async def test_half_a_line_stays_the_last(tmp_path: Path) -> None:
    """Room that comes back is not used, for a line behind half a line would spoil the file."""
    path = tmp_path / "checkpoint"
    with ExitStack() as limit:
        limit.enter_context(no_file_longer_than(len(HEADER) + 3 * LINE + 4))
        report = await resumed(path, "abcd", concurrency=3, on_progress=lambda _: limit.close())
    assert items_of(report) == {"ok": "abc", "failed": "", "skipped": "", "pending": "d"}
    assert items_of(await resumed(path, "abcd"))["failed"] == "abc"


Ending = Literal["ok", "failed", "unknown"]


@attrs.frozen
class Round:
    """One job: how its calls end, and how it does itself."""

    ends: tuple[tuple[Ending, float], ...]
    concurrency: int
    repeat_interrupted: bool
    killed_at: float | None = None
    """The share of what it writes that it comes to write."""
    cancelled_after: float | None = None


LETTERS = "abcdef"
ENDS = st.tuples(
    *[
        st.tuples(st.sampled_from(["ok", "ok", "failed", "unknown"]), st.sampled_from([0.0, 1, 2]))
        for _ in LETTERS
    ]
)
ROUNDS = st.builds(
    Round,
    ENDS,
    st.integers(1, 4),
    st.booleans(),
    killed_at=st.none() | st.floats(0, 1),
    cancelled_after=st.none() | st.floats(0, 12),
)
LAST = Round((("ok", 0.0),) * len(LETTERS), concurrency=3, repeat_interrupted=False)


class Story:
    """Runs one job after another on a checkpoint, and knows what became of every item."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = dict[str, Ending]()  # as the next job must see it
        self.happened = Counter[str]()  # calls that changed something, known or not
        self.doubted = set[str]()

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    @property
    def whole(self) -> int:
        """The size that the next job finds or makes: without half a line, whole ones ended."""
        written = self.path.read_bytes() if self.path.exists() else b""
        return len(written) + 1 if written[-1:] == b"}" else written.rfind(b"\n") + 1

    async def run(self, one: Round) -> BulkReport[str, str]:
        """Run a job, let it die as told, and check that it did what it should."""
        begun, ended = dict[str, int](), dict[str, int]()
        ends, last = dict(zip(LETTERS, one.ends, strict=True)), ""
        before = self.whole

        async def call(key: str) -> str:
            nonlocal last
            begun[key] = self.size
            end, seconds = ends[key]
            await asyncio.sleep(seconds)
            last = key
            if end == "ok":
                return f"uuid of {key}"
            raise UNKNOWN if end == "unknown" else NotFoundError("404", status=404)

        report = BulkReport[str, str]()
        try:
            async with asyncio.timeout(one.cancelled_after):
                await bulk(
                    call,
                    LETTERS,
                    key=str,
                    concurrency=one.concurrency,
                    on_progress=lambda _: ended.setdefault(last, self.size),
                    report=report,
                    checkpoint=self.path,
                    repeat_interrupted=one.repeat_interrupted,
                )
        except TimeoutError:
            pass
        self.check(report, begun, one)
        if one.killed_at is not None:
            os.truncate(self.path, before + round(one.killed_at * (self.size - before)))
        for key in begun:
            self.believe(key, begun[key], ended.get(key), ends[key][0])
        return report

    def check(self, report: BulkReport[str, str], begun: Mapping[str, int], one: Round) -> None:
        """Nothing is lost, what is done is not done again, what is doubted only on request."""
        found = items_of(report)
        assert sorted("".join(found.values())) == sorted(LETTERS)
        assert dict(report.skipped) == {
            key: f"uuid of {key}" for key, end in self.state.items() if end == "ok"
        }
        doubted = {key for key, end in self.state.items() if end == "unknown"}
        refused = {
            item for item, error in report.failed if isinstance(error, BulkItemInterruptedError)
        }
        assert refused == (set() if one.repeat_interrupted else doubted)
        assert set(found["ok"]) <= set(begun)
        assert set(begun) == set(found["ok"]) | set(found["failed"]) - refused

    def believe(self, key: str, begun: int, ended: int | None, end: Ending) -> None:
        """Note what the file, as long as it is now, can tell of a call."""
        if begun > self.whole:
            return  # the process had died
        known = ended is not None and ended <= self.whole
        self.state[key] = end if known else "unknown"
        self.happened[key] += end != "failed"
        if self.state[key] == "unknown":
            self.doubted.add(key)


@settings(max_examples=200)
@given(rounds=st.lists(ROUNDS, max_size=5))
async def test_however_jobs_die_every_item_is_called_to_success_once(rounds: list[Round]) -> None:
    """After any kills, cancellations and failures nothing is lost, and nothing done is repeated."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder) / "checkpoint")
        for one in rounds:
            await story.run(one)
        last = await story.run(LAST)
        assert all(story.happened[key] == 1 for key in set(LETTERS) - story.doubted)
        assert not last.pending
        assert {item for item, _ in last.failed} <= story.doubted
        final = await story.run(attrs.evolve(LAST, repeat_interrupted=True))
        assert not final.failed
        assert set(story.state.values()) == {"ok"}


# --- A process that is killed ---------------------------------------------------------------------

LONGEST = 60.0  # seconds that any one condition may take before the test gives up


async def importing(folder: Path, emulator: Emulator) -> asyncio.subprocess.Process:
    """Start the documentation's example of an import."""
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", readme.the_block("docs/bulk.md", "orders.checkpoint")),
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "PLANADO_BASE_URL": emulator.url,
            "PLANADO_API_KEY": emulator.api_key,
        },
        stdout=asyncio.subprocess.PIPE,
    )


@pytest.mark.real_time
async def test_an_import_that_is_killed_goes_on(tmp_path: Path) -> None:
    """After two kills and a third run every order has one job, and the file has its uuid."""
    orders = [f"wo-{number}" for number in range(45)]
    (tmp_path / "orders.csv").write_text(
        "number,task\n" + "".join(f"{each},x\n" for each in orders)
    )
    async with Emulator(rate=60_000, burst=10_000) as emulator:
        emulator.fault("delay", method="POST", seconds=0.05, count=None)
        for kill_at in (12, 30):
            process = await importing(tmp_path, emulator)
            async with asyncio.timeout(LONGEST):
                while emulator.counters()["calls"] < kill_at:  # noqa: ASYNC110  # another process calls
                    await asyncio.sleep(0.005)
            process.kill()
            assert await process.wait() == -signal.SIGKILL
            text = (tmp_path / "orders.checkpoint").read_text()
            assert text.count("begun") > text.count('"ok"') > 0
        process = await importing(tmp_path, emulator)
        async with asyncio.timeout(LONGEST):
            said = (await process.communicate())[0]
        assert process.returncode == 0
        assert b" 0 failed" in said
        async with Planado(emulator.api_key, base_url=emulator.url) as planado:
            jobs = await planado.jobs.list().collect()
    assert sorted(str(job.external_id) for job in jobs) == sorted(orders)
    lines = map(json.loads, (tmp_path / "orders.checkpoint").read_text().splitlines()[1:])
    kept = {line["key"]: line["value"] for line in lines if line["state"] == "ok"}
    assert kept == {job.external_id: job.uuid for job in jobs}
