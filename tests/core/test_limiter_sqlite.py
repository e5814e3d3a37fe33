"""One budget for several processes: what they share in the file, and what becomes of the file."""

import asyncio
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Coroutine, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async.core import limiter_sqlite
from planado_async.core.errors import BudgetWaitError, ConfigurationError
from planado_async.core.gate import LEARNED_FOR, MARGIN
from planado_async.core.limiter import RateLimit
from planado_async.core.limiter_sqlite import SqliteLimiter
from tests.core.leaky import (
    DELAYS,
    Server,
    begin,
    call,
    highest,
    in_virtual_time,
    lost,
    now,
    refused,
    serve,
    settle,
)

ROUNDING = 1e-3
HOUR, YEAR = 3600.0, 365 * 86_400.0
PATIENCE = 10.0  # seconds until a process goes on without the file


@pytest.fixture(autouse=True, scope="module")
def no_real_waiting() -> Iterator[None]:
    """No socket is used here, and a lock is held for virtual seconds only."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.virtual_time._LISTEN", 0.0)
        patch.setattr(limiter_sqlite, "_LOCK_WAIT", 0.0)
        yield


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Name a file in a folder of its own, which may be moved away."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / "budget.db"


def opened(path: Path, burst: float = 5, **how: Any) -> SqliteLimiter:
    """Open a limiter of one call a second, as another process would."""
    return SqliteLimiter(path, RateLimit(60, per=60.0, burst=burst), **{"clock": now, **how})


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


# --- What is shared -------------------------------------------------------------------------------


async def test_two_share_the_level(path: Path) -> None:
    """Each pays from the same bucket, and both wait when it is full."""
    one, other = opened(path), opened(path)
    log, start = list[float](), now()
    await begin(*(call(limiter, log) for _ in range(5) for limiter in (one, other)))
    assert [at - start for at in log] == pytest.approx([0] * 5 + [1, 2, 3, 4, 5], abs=ROUNDING)
    assert one.budget().level == other.budget().level == pytest.approx(5)


async def test_two_take_turns(path: Path) -> None:
    """Slots go to the heads of both queues, so neither waits for the whole queue of the other."""
    one, other = opened(path, burst=1), opened(path, burst=1)
    log: list[str] = []
    first = [call(one, log, "one") for _ in range(20)]
    await begin(*first, *(call(other, log, "other") for _ in range(20)))
    for served in range(40):
        assert abs(log[:served].count("one") - log[:served].count("other")) <= 2


async def test_many_together_use_the_whole_rate_and_no_more(path: Path) -> None:
    """Four busy processes make the calls of one."""
    limiters = [opened(path, burst=10) for _ in range(4)]
    log, start = list[float](), now()

    async def caller(limiter: SqliteLimiter, pause: float) -> None:
        while now() - start < 300:
            await call(limiter, log, lasts=0.3)
            await asyncio.sleep(pause)

    await begin(*(caller(each, number / 7) for each in limiters for number in range(3)))
    assert len(log) >= 0.97 * (300 + 10)
    assert highest(log, 1.0) <= 10 + ROUNDING


@given(
    burst=st.integers(2, 6),  # at one, a slot taken late shortens the gap to another's
    arrivals=st.lists(
        st.tuples(
            st.sampled_from([0, 1, 2]),
            st.floats(0, 15),
            st.one_of(st.none(), st.sampled_from([0.0, 1.0, 2.5]), st.floats(0, 5)),
        ),
        min_size=2,
        max_size=40,
    ),
)
@settings(max_examples=60)
def test_no_window_holds_more_than_all_together_may_send(
    tmp_path_factory: pytest.TempPathFactory,
    burst: int,
    arrivals: list[tuple[int, float, float | None]],
) -> None:
    """Whoever gives up and leaves a slot behind, all processes together keep to the bucket."""
    path, log = tmp_path_factory.mktemp("shared") / "budget.db", list[float]()

    async def one(limiter: SqliteLimiter, at: float, patience: float | None) -> None:
        await asyncio.sleep(at)
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await call(limiter, log)

    async def main() -> None:
        limiters = [opened(path, burst=burst) for _ in range(3)]
        await begin(*(one(limiters[which], at, how) for which, at, how in arrivals))

    in_virtual_time(main)
    assert highest(log, 1.0) <= burst + ROUNDING


async def test_a_refusal_of_one_halts_the_other(path: Path) -> None:
    """Also if the other waits for its slot already."""
    one, other = opened(path, burst=2), opened(path, burst=2)
    log, start = list[float](), now()
    turn = await one.acquire()
    await call(other, [])
    waiting = begin(call(other, log), call(other, log))
    await asyncio.sleep(0.5)
    await one.refused(turn, 20.0)
    one.release(turn, answered=False)
    await waiting
    assert 20.5 - ROUNDING <= log[0] - start <= 21.5
    assert one.budget().refusals == other.budget().refusals == 1


async def test_a_refusal_makes_the_slots_of_all_void(path: Path) -> None:
    """They were reserved in a bucket that was thought to have room."""
    one, *others = [opened(path, burst=1) for _ in range(5)]
    log, start = list[float](), now()
    turn = await one.acquire()
    waiting = begin(*(call(each, log) for each in others))
    await settle()
    await one.refused(turn, 0.0)
    one.release(turn, answered=False)
    await waiting
    assert log[0] - start == pytest.approx(1.0, abs=ROUNDING)  # the probe
    assert log[1] - start >= 1 + MARGIN
    assert highest(log[1:], 1.0) <= 1 + ROUNDING


async def test_one_probe_goes_out_for_both(path: Path) -> None:
    """While it is out, neither sends; when it is answered, both do."""
    one, other = opened(path), opened(path)
    log: list[float] = []
    await refused(one)
    probe = await other.acquire()
    waiting = begin(call(one, log), call(other, log))
    await asyncio.sleep(40)
    assert (probe.probe, log) == (True, [])
    answered = now()
    other.release(probe, answered=True)
    await waiting
    assert max(log) <= answered + 1 + ROUNDING


async def test_a_probe_lost_with_its_process_is_given_up(path: Path) -> None:
    """After a minute the next process sends one."""
    one, start = opened(path), now()
    await refused(one)
    assert (await one.acquire()).probe
    turn = await opened(path).acquire()
    assert turn.probe
    assert 60 <= now() - start <= 64


async def test_what_one_learns_the_other_knows(path: Path) -> None:
    """The burst is that of the key, not of the process."""
    one, other = opened(path, burst=55), opened(path, burst=55)
    await serve(one, Server(20), 40)
    assert other.budget().learned_burst == one.budget().learned_burst == 15
    await asyncio.sleep(LEARNED_FOR)
    assert other.budget().learned_burst is None


@pytest.mark.parametrize("delay", DELAYS)
async def test_two_learn_a_smaller_bucket_once(path: Path, delay: str) -> None:
    """What is in flight of both is refused at most, and none later."""
    one, other, server = opened(path, burst=55), opened(path, burst=55), Server(40, delay=delay)
    await asyncio.gather(serve(one, server, 60), serve(other, server, 60))
    known = len(server.refused)
    assert 1 <= known <= 2 * 8 + 1
    for pause in (60, 600):
        await asyncio.sleep(pause)
        await asyncio.gather(serve(one, server, 30), serve(other, server, 30))
    assert len(server.refused) == known


async def test_accounts_are_kept_apart(path: Path) -> None:
    """Another account in the same file has its own bucket and its own gate."""
    one, other = opened(path, account="one"), opened(path, account="other")
    log, start = list[float](), now()
    await begin(*(call(one, []) for _ in range(5)))
    await refused(one)
    await begin(*(call(other, log) for _ in range(5)))
    assert log == [start + 1] * 5
    assert (other.budget().refusals, opened(path, account="one").budget().refusals) == (0, 1)


async def test_the_file_shows_no_account(path: Path) -> None:
    """Whatever tells accounts apart is kept as a hash."""
    key = "key-of-the-account"
    await call(opened(path, account=key), [])
    assert all(key.encode() not in each.read_bytes() for each in path.parent.iterdir())


# --- Restarts -------------------------------------------------------------------------------------


async def test_a_restart_goes_on_where_the_file_is(path: Path) -> None:
    """Level, halt, refusals and the missing probe are all in it."""
    before, start = opened(path), now()
    await begin(*(call(before, []) for _ in range(5)))
    assert opened(path).budget().level == pytest.approx(5)
    await refused(before, 30.0)
    turn = await opened(path).acquire()
    assert (turn.probe, opened(path).budget().refusals) == (True, 1)
    assert now() - start == pytest.approx(31.0, abs=ROUNDING)


async def test_restarts_in_a_row_cost_no_refusal(path: Path) -> None:
    """However often a process starts, the server sees one budget."""
    server = Server(60)
    for _ in range(5):
        await serve(opened(path, burst=55), server, 40)
    assert (server.refused, len(server.served)) == ([], 200)


async def test_a_restart_keeps_what_was_learned(path: Path) -> None:
    """A small bucket is not hit again by a new process."""
    server = Server(20)
    await serve(opened(path, burst=55), server, 40)
    known = len(server.refused)
    await asyncio.sleep(600)
    await serve(opened(path, burst=55), server, 40)
    assert len(server.refused) == known


async def test_a_file_may_be_closed_between_calls(path: Path) -> None:
    """The next call opens it again, and nothing is forgotten."""
    limiter = opened(path)
    limiter.close()
    for _ in range(3):
        await call(limiter, [])
        limiter.close()
        limiter.close()
    assert limiter.budget().level == pytest.approx(3)


def in_a_child(main: Callable[[], Coroutine[Any, Any, float]]) -> int:
    """Run a coroutine in a fork of this process, and return what it returns."""
    child = os.fork()
    if not child:
        try:
            os._exit(round(asyncio.run(main())))
        except BaseException:
            os._exit(99)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code != 99
    return code


@pytest.mark.real_time
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_shares_the_budget(path: Path) -> None:
    """The child opens the file for itself; parent and child then pay from one bucket."""
    rate = RateLimit(1, per=HOUR, burst=10)
    limiter = SqliteLimiter(path, rate)

    async def three() -> float:
        await begin(*(call(limiter, []) for _ in range(3)))
        return limiter.budget().level

    async def opens_its_own() -> bool:
        limiter.budget()
        return limiter._file._connection is not parents

    assert asyncio.run(three()) == pytest.approx(3, abs=0.1)
    parents = limiter._file._connection
    assert in_a_child(three) == 6
    assert in_a_child(opens_its_own) == 1
    assert asyncio.run(three()) == pytest.approx(9, abs=0.1)


@pytest.mark.real_time
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_fork_takes_no_slot_of_its_parents(path: Path) -> None:
    """A slot that the parent's queue had reserved is not used twice."""
    moment = 1000.0
    limiter = SqliteLimiter(path, RateLimit(60, per=60.0, burst=1), clock=lambda: moment)

    async def give_up() -> None:
        await call(limiter, [])
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(limiter.acquire(), 0.01)

    async def sent() -> int:
        with suppress(TimeoutError):
            turn = await asyncio.wait_for(limiter.acquire(), 0.01)
            limiter.release(turn, answered=True)
            return 1
        return 0

    asyncio.run(give_up())
    moment = 1001.0  # the slot's
    assert sum(in_a_child(sent) for _ in range(2)) <= 1


# --- Clocks ---------------------------------------------------------------------------------------


class Clock:
    """The clock of a machine that has run for long, with a step on order."""

    def __init__(self) -> None:
        self.step = 0.0

    def __call__(self) -> float:
        return 20 * YEAR + now() + self.step


@pytest.mark.parametrize("step", [-HOUR, -10 * YEAR, -200.0])
@pytest.mark.parametrize("waiting", [0, 20], ids=["idle", "with a queue"])
async def test_a_clock_set_back_costs_a_pause(path: Path, step: float, waiting: int) -> None:
    """The bucket counts as full; nobody waits longer than a full bucket takes."""
    clock = Clock()
    limiter, log = opened(path, burst=55, clock=clock), list[float]()
    await begin(*(call(limiter, []) for _ in range(55)))
    queue = begin(*(call(limiter, log) for _ in range(waiting)))
    await asyncio.sleep(0.5)
    clock.step, stepped = step, now()
    later = begin(*(call(limiter, log) for _ in range(20)))
    await asyncio.gather(queue, later)
    assert log[-1] - stepped <= waiting + 20 + MARGIN + 1
    assert log[0] - stepped >= 0.5 - ROUNDING
    assert highest(log, 1.0) <= 2 + ROUNDING


@pytest.mark.parametrize("step", [-100.0, -HOUR, -10 * YEAR])
async def test_a_clock_set_back_makes_no_halt_longer(path: Path, step: float) -> None:
    """A halt that no longer makes sense leaves one probe and a full bucket."""
    clock = Clock()
    limiter, log = opened(path, burst=55, clock=clock), list[float]()
    await refused(limiter, 60.0)
    clock.step, stepped = step, now()
    await begin(*(call(limiter, log) for _ in range(4)))
    assert log[-1] - stepped <= 60 + MARGIN + 4
    assert highest(log, 1.0) <= 2 + ROUNDING


async def test_a_clock_set_back_makes_no_halt_longer_than_any(path: Path) -> None:
    """One that would then be longer than the longest is over."""
    clock = Clock()
    limiter = opened(path, burst=55, clock=clock)
    await refused(limiter, 110.0)
    await asyncio.sleep(55)
    clock.step, stepped = -70.0, now()
    await limiter.acquire()
    assert now() - stepped <= 120


@pytest.mark.parametrize("step", [-100.0, -HOUR, -10 * YEAR])
async def test_a_clock_set_back_makes_no_lost_probe_last_longer(path: Path, step: float) -> None:
    """It is given up after a minute, or at once."""
    clock = Clock()
    limiter = opened(path, burst=55, clock=clock)
    await refused(limiter)
    await limiter.acquire()
    await asyncio.sleep(40)
    clock.step, stepped = step, now()
    assert (await limiter.acquire()).probe
    assert now() - stepped <= 60 + ROUNDING


@pytest.mark.parametrize("step", [HOUR, 10 * YEAR])
async def test_a_clock_set_forward_is_as_if_time_had_passed(path: Path, step: float) -> None:
    """What would have leaked has leaked: one burst at most, and nobody waits."""
    clock = Clock()
    limiter, log = opened(path, clock=clock), list[float]()
    await begin(*(call(limiter, []) for _ in range(5)))
    clock.step, stepped = step, now()
    await begin(*(call(limiter, log) for _ in range(8)))
    assert [at - stepped for at in log] == pytest.approx([0] * 5 + [1, 2, 3], abs=ROUNDING)


@pytest.mark.parametrize("uptime", [0.0, 30.0, HOUR, 10 * YEAR])
async def test_after_a_start_of_the_machine_the_bucket_counts_as_full(
    path: Path, uptime: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its clock began anew, so the file's times tell nothing; refusals and lessons stay."""
    await serve(opened(path, burst=55), Server(20), 40)
    boot = tmp_path / "boot_id"
    boot.write_text("another\n")
    monkeypatch.setattr(limiter_sqlite, "_BOOT_ID", boot)
    limiter = opened(path, burst=55, clock=lambda: now() - 1000 + uptime)
    log, start = list[float](), now()
    budget = limiter.budget()
    assert budget.burst in (15, 55)  # learned, or forgotten if the machine has run for long
    assert budget.level == pytest.approx(budget.burst + MARGIN)
    assert budget.refusals > 0
    await begin(*(call(limiter, log) for _ in range(10)))
    assert log[0] - start == pytest.approx(MARGIN + 1, abs=ROUNDING)
    assert highest(log, 1.0) <= 1 + ROUNDING


async def test_without_a_boot_id_the_times_tell(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a machine says nothing of its start, a time to come is of an earlier one."""
    monkeypatch.setattr(limiter_sqlite, "_BOOT_ID", tmp_path / "missing")
    await begin(*(call(opened(path), []) for _ in range(3)))
    assert opened(path).budget().level == pytest.approx(3)
    assert opened(path, clock=lambda: now() - 900).budget().level == pytest.approx(5 + MARGIN)


# --- A file that cannot be used -------------------------------------------------------------------


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Keep everybody else from the file."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield


@contextmanager
def moved_away(path: Path) -> Iterator[None]:
    """Take the folder away for a while, as when a volume is gone."""
    away = path.parent.with_name("away")
    path.parent.rename(away)
    yield
    away.rename(path.parent)


@contextmanager
def overwritten(path: Path) -> Iterator[None]:
    """Put something else in the file's place for a while, and then the file itself."""
    kept = path.with_name("kept")
    path.rename(kept)
    path.write_text("no database at all")
    yield
    kept.rename(path)


OUTAGES = [locked, moved_away, overwritten]
Outage = Callable[[Path], Any]


@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_short_outage_fails_no_call_and_breaks_no_budget(
    path: Path, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    """Callers wait until the file is back, and go on as before."""
    limiters, log = [opened(path), opened(path)], list[float]()
    calls = begin(*(call(each, log) for _ in range(20) for each in limiters))
    await asyncio.sleep(3.5)
    with outage(path):
        began = len(log)
        await asyncio.sleep(5)
        assert len(log) == began
    await calls
    assert highest(log, 1.0) <= 5 + ROUNDING
    assert warnings(caplog) == []


@pytest.mark.parametrize("outage", OUTAGES)
async def test_an_outage_shorter_than_a_slot_costs_nothing(path: Path, outage: Outage) -> None:
    """A slot that was reserved before is still there after it."""
    limiter, log, start = opened(path, burst=1), list[float](), now()
    calls = begin(*(call(limiter, log) for _ in range(10)))
    for moment in range(4):
        await asyncio.sleep(start + moment + 0.9 - now())
        with outage(path):
            await asyncio.sleep(0.2)
    await calls
    assert log[-1] - start <= 9.2 + ROUNDING


def replace(path: Path, by: str) -> None:
    """Put nothing in the file's place, an empty file, or the one kept as `old`."""
    path.unlink()
    if by == "an empty file":
        path.touch()
    elif by == "an old file":
        path.with_name("old").rename(path)


@pytest.mark.parametrize("by", ["nothing", "an empty file", "an old file"])
async def test_a_file_that_is_replaced_is_made_good(path: Path, by: str) -> None:
    """Deleted, emptied or put back as it was long ago, it is told what the processes know.

    Another's slot may have been in the one before, so one call more is counted.
    """
    limiter, log, start = opened(path), list[float](), now()
    await call(limiter, log)
    shutil.copy(path, path.with_name("old"))
    await begin(*(call(limiter, log) for _ in range(3)))
    await refused(limiter, 3.0)
    replace(path, by)
    assert limiter.budget().level == pytest.approx(5 + MARGIN + 1)
    assert limiter.budget().refusals == 1
    assert opened(path).budget() == limiter.budget()
    await call(opened(path), log)
    assert log[-1] - start == pytest.approx(3.0, abs=ROUNDING)


async def test_all_meet_again_in_a_file_made_anew(path: Path) -> None:
    """Those that had the old file open share the new one; each may know of a call less."""
    one, other, log = opened(path), opened(path), list[float]()
    calls = begin(*(call(each, log) for _ in range(20) for each in (one, other)))
    await asyncio.sleep(4.5)
    replace(path, "nothing")
    await calls
    assert highest(log, 1.0) <= 5 + 2
    assert one.budget().level == other.budget().level


@pytest.mark.parametrize("outage", OUTAGES)
async def test_after_a_while_a_process_goes_on_by_itself(
    path: Path, outage: Outage, caplog: pytest.LogCaptureFixture
) -> None:
    """With a warning, from a full bucket, within the budget; and says when the file is back."""
    limiter, log = opened(path), list[float]()
    calls = begin(*(call(limiter, log) for _ in range(200)))
    await asyncio.sleep(20.5)
    with outage(path):
        began, lost_at = len(log), now()
        await asyncio.sleep(120)
        assert [at for at in log[began:] if at < lost_at + PATIENCE - 1] == []
        assert len(log) - began >= 120 - PATIENCE - MARGIN - 2
        (told,) = warnings(caplog)
        assert str(path) in told
        assert "goes on by itself" in told
    await calls
    assert highest(log, 1.0) <= 5 + ROUNDING
    assert warnings(caplog)[1:] == [f"{path} can be used again"]


async def test_a_process_that_was_alone_takes_no_second_burst(path: Path) -> None:
    """What it sent meanwhile is in the bucket when the file is back."""
    limiter, log = opened(path, burst=55), list[float]()
    calls = begin(*(call(limiter, log) for _ in range(250)))
    await asyncio.sleep(10)
    with locked(path):
        await asyncio.sleep(90)
    await calls
    assert highest(log, 1.0) <= 55 + ROUNDING


async def test_what_others_sent_meanwhile_is_kept(path: Path) -> None:
    """A process that comes back adds to the file's level and never takes away from it."""
    one, other, log = opened(path), opened(path, burst=5), list[float]()
    with moved_away(path):
        waiting = begin(*(call(one, []) for _ in range(3)))
        await asyncio.sleep(15)
        await waiting
    await asyncio.sleep(60)
    await begin(*(call(other, log) for _ in range(5)))
    await begin(*(call(one, log) for _ in range(3)))
    assert highest(log, 1.0) <= 5 + ROUNDING


@pytest.mark.parametrize("lasts", [5.0, 30.0])
@pytest.mark.parametrize("outage", OUTAGES)
async def test_a_refusal_during_an_outage_is_saved_then(
    path: Path, outage: Outage, lasts: float
) -> None:
    """It halts its own process at once and all others when the file is back; it counts once."""
    limiter, other, log = opened(path, burst=55), opened(path, burst=55), list[float]()
    turns = [await limiter.acquire() for _ in range(8)]
    with outage(path):
        await limiter.refused(turns[0], 60.0)
        limiter.release(turns[0], answered=False)
        began = now()
        assert limiter.budget().refusals == 1
        waiting = begin(call(limiter, log))
        await asyncio.sleep(lasts)
    assert log == []
    await settle()
    limiter.budget()
    assert other.budget().refusals == 1
    await begin(call(other, log), call(other, log))
    assert min(log) >= began + 60 - ROUNDING
    await waiting
    assert limiter.budget().refusals == other.budget().refusals == 1


async def test_a_probe_answered_during_an_outage_opens_the_gate_then(path: Path) -> None:
    """The answer is not lost with the file."""
    limiter, log = opened(path), list[float]()
    await refused(limiter)
    probe = await limiter.acquire()
    with locked(path):
        limiter.release(probe, answered=True)
        await asyncio.sleep(3)
    began = now()
    await begin(*(call(limiter, log) for _ in range(3)))
    assert log[-1] - began <= 8


async def test_a_start_during_a_short_outage_waits(path: Path) -> None:
    """A process that starts while the file is locked makes its calls later."""
    await begin(*(call(opened(path), []) for _ in range(5)))
    start, log = now(), list[float]()
    with locked(path):
        limiter = opened(path)
        calls = begin(call(limiter, log))
        await asyncio.sleep(3)
        assert log == []
    await calls
    assert log[0] - start <= 3.2


# --- A file of somebody else ----------------------------------------------------------------------


def a_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE orders (id)")


def one_of_another_version(path: Path) -> None:
    opened(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def a_text(length: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_text("a" * length)

    return make


@pytest.mark.parametrize(
    "made",
    [a_database, one_of_another_version, a_text(2), a_text(99), a_text(600), a_text(5000)],
    ids=["database", "version", "2", "99", "600", "5000"],
)
def test_a_file_of_somebody_else_is_left_alone(path: Path, made: Callable[[Path], None]) -> None:
    """It is refused when the limiter is made, with what to do, and keeps every byte."""
    made(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=r"name (another file|a file of its own)") as told:
        opened(path)
    assert str(path) in str(told.value)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["", "missing/budget.db"], ids=["directory", "missing parent"])
def test_a_place_where_no_file_can_be_is_told(path: Path, name: str) -> None:
    """The error says what to name instead."""
    with pytest.raises(ConfigurationError, match="in a directory that can be written to"):
        opened(path.parent / name)
    assert list(path.parent.iterdir()) == []


def test_an_empty_file_is_taken(path: Path) -> None:
    """Whoever made it has put nothing in."""
    path.touch()
    opened(path)


def test_an_event_loop_that_ends_leaves_its_queue_behind(path: Path) -> None:
    """The level stays; a slot that a caller of the old loop waited for costs one call at most."""
    limiter = opened(path, burst=2)

    async def full() -> None:
        await begin(*(call(limiter, []) for _ in range(2)))
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(limiter.acquire(), 0.5)

    async def after() -> float:
        await lost(limiter)
        return now()

    in_virtual_time(full)
    assert 1001 <= in_virtual_time(after) <= 1002


# --- Many processes -------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [70, 100, 200])
async def test_more_processes_than_may_have_a_slot_share_the_budget(
    path: Path, processes: int
) -> None:
    """The others ask again until a slot is free; nobody takes the file for one of another time."""
    log = list[float]()
    limiters = [opened(path, burst=5) for _ in range(processes)]
    await begin(*(call(each, log) for each in limiters for _ in range(2)))
    assert len(log) == 2 * processes
    assert highest(log, 1.0) <= 5 + ROUNDING


async def test_a_call_that_gives_up_at_once_takes_nothing(path: Path) -> None:
    """Programs that are told to wait too long leave the budget to the others."""
    await begin(*(call(opened(path), list[float]()) for _ in range(5)))
    for _ in range(20):
        with pytest.raises(BudgetWaitError) as refused_at_once:
            await opened(path).acquire(longest=0.5)
        assert refused_at_once.value.eta == pytest.approx(1.0, abs=ROUNDING)


@pytest.mark.parametrize("value", ["NULL", "'soon'", "x'00'"])
async def test_a_row_changed_by_hand_fails_no_call(path: Path, value: str) -> None:
    """It is like a file that cannot be used."""
    limiter, log = opened(path), list[float]()
    await call(limiter, log)
    with closing(sqlite3.connect(path)) as other, other:
        other.execute(f"UPDATE budget SET empty_at = {value}")
    await begin(*(call(limiter, log) for _ in range(3)))
    assert len(log) == 4
