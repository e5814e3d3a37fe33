"""What a refusal teaches, and when calls may go on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planado_async.core.gate import LEARNED_FOR, MARGIN, Gate, Turn

CALL, PROBE = Turn(level=30.0), Turn(level=30.0, probe=True)
NOW, HALT, LEASE = 100.0, 7.0, 60.0

OPEN = Gate()
CLOSED = Gate().refuse(CALL, NOW - 1, halt=HALT, teaches=False)
PROVING = Gate().refuse(CALL, NOW - 10, halt=HALT, teaches=False)
AWAITING = PROVING.sent(NOW - 1, LEASE)


def state(gate: Gate, now: float = NOW) -> str:
    """Name the state of the diagram; in `awaiting` the probe is out."""
    if gate.halt(now):
        return "closed"
    if not gate.proving:
        return "open"
    return "awaiting" if gate.wait(now) else "proving"


# --- The diagram ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gate", "named", "wait"),
    [
        (OPEN, "open", 0.0),
        (CLOSED, "closed", 6.0),
        (PROVING, "proving", 0.0),
        (AWAITING, "awaiting", 59.0),
        (PROVING.sent(NOW, math.inf), "awaiting", math.inf),
    ],
)
def test_a_call_waits_for_the_halt_and_for_the_probe(gate: Gate, named: str, wait: float) -> None:
    """Nobody goes while the gate is closed, and one alone after that."""
    assert (state(gate), gate.wait(NOW)) == (named, wait)


@pytest.mark.parametrize(
    ("gate", "then"), [(OPEN, "open"), (CLOSED, "proving"), (PROVING, "proving")]
)
def test_time_ends_a_halt_and_nothing_else(gate: Gate, then: str) -> None:
    """However long it is, a probe has to be answered first."""
    assert state(gate, NOW + 10) == state(gate, NOW + 1e9) == then


def test_a_probe_whose_sender_died_is_awaited_for_its_lease() -> None:
    """Then the next call goes as a probe."""
    assert (state(AWAITING, NOW + 58.9), state(AWAITING, NOW + 59)) == ("awaiting", "proving")


@pytest.mark.parametrize(("gate", "then"), [(OPEN, "open"), (PROVING, "awaiting")])
def test_a_call_that_goes_out_is_a_probe_after_a_refusal(gate: Gate, then: str) -> None:
    """An open gate does not change by what goes through."""
    assert state(gate.sent(NOW, LEASE)) == then


@pytest.mark.parametrize("turn", [CALL, PROBE])
@pytest.mark.parametrize("gate", [OPEN, CLOSED, PROVING, AWAITING])
def test_any_refusal_closes(gate: Gate, turn: Turn) -> None:
    """Whatever the state, and whoever is refused."""
    closed = gate.refuse(turn, NOW, halt=HALT, teaches=False)
    assert (state(closed), closed.halt(NOW), closed.refusals) == ("closed", HALT, gate.refusals + 1)
    assert state(closed.released(turn, NOW, answered=False)) == "closed"
    assert closed.proving


@pytest.mark.parametrize(
    ("turn", "answered", "then"),
    [
        (PROBE, True, "open"),
        (PROBE, False, "proving"),
        (CALL, True, "awaiting"),
        (CALL, False, "awaiting"),
    ],
)
def test_only_an_answer_to_the_probe_opens(turn: Turn, answered: bool, then: str) -> None:
    """Without one, another goes out; an answer to an older call says nothing."""
    assert state(AWAITING.released(turn, NOW, answered=answered)) == then


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("gate", [OPEN, CLOSED, PROVING, AWAITING])
def test_a_call_that_ends_changes_nothing(gate: Gate, answered: bool) -> None:
    """The gate is about refusals and their probes."""
    assert gate.released(CALL, NOW, answered=answered) is gate


def test_a_late_refusal_leaves_the_probe_out() -> None:
    """It closes, and no second probe goes while the first is awaited."""
    late = AWAITING.refuse(CALL, NOW, halt=1.0, teaches=False)
    assert (state(late), state(late, NOW + 1)) == ("closed", "awaiting")


def test_after_a_refused_probe_the_next_goes_when_the_halt_is_over() -> None:
    """It is out no more."""
    again = AWAITING.refuse(PROBE, NOW, halt=1.0, teaches=False)
    assert (state(again), state(again, NOW + 1)) == ("closed", "proving")


@pytest.mark.parametrize(("halt", "until"), [(0.0, 106.0), (5.0, 106.0), (7.0, 107.0)])
def test_a_halt_is_never_shortened(halt: float, until: float) -> None:
    """The later of two ends counts."""
    assert CLOSED.refuse(CALL, NOW, halt=halt, teaches=True).closed_until == until


# --- What is learned ------------------------------------------------------------------------------


def refused(gate: Gate, *levels: float, now: float = NOW, teaches: bool = True) -> Gate:
    """Refuse calls, each of which found so many in the bucket."""
    for level in levels:
        gate = gate.refuse(Turn(level=level), now, halt=1.0, teaches=teaches)
    return gate


def opened(gate: Gate, now: float = NOW) -> Gate:
    """Send a probe that is answered."""
    return gate.sent(now, LEASE).released(PROBE, now, answered=True)


def stormy(gate: Gate, now: float = NOW) -> Gate:
    """Send a probe that is refused."""
    probed = gate.sent(now, LEASE).refuse(PROBE, now, halt=1.0, teaches=True)
    return probed.released(PROBE, now, answered=False)


@pytest.mark.parametrize(
    ("level", "learned"), [(40.0, 35), (20.0, 15), (20.9, 15), (10.0, 5), (8.0, 3)]
)
def test_the_calls_before_the_refused_one_are_what_the_bucket_holds(
    level: float, learned: float
) -> None:
    """Whole ones, less the margin, once the probe has been answered."""
    gate = refused(Gate(), level)
    assert gate.learned_burst(NOW) is None
    assert opened(gate).learned_burst(NOW) == learned == math.floor(level) - MARGIN


def test_one_call_at_least_is_allowed() -> None:
    """However little the smallest level leaves after the margin."""
    assert opened(refused(Gate(), 3.0, 12.0)).learned_burst(NOW) == 1


@pytest.mark.parametrize("calls", [1, 8, 20, 50])
@pytest.mark.parametrize("backwards", [False, True])
def test_calls_refused_from_the_first_on_teach_nothing(calls: int, backwards: bool) -> None:
    """The bucket was full before them, however many went out, whichever answer came first."""
    levels = [float(level) for level in range(calls)]
    gate = refused(Gate(), *(reversed(levels) if backwards else levels))
    assert opened(gate).learned_burst(NOW) is None


def test_each_closing_is_counted_by_itself() -> None:
    """Refusals of long ago do not hide that calls were accepted before this one."""
    gate = opened(refused(Gate(), *map(float, range(20))))
    assert opened(refused(gate, 20.0)).learned_burst(NOW) == 15


def test_without_a_bucket_nothing_is_learned() -> None:
    """There is nothing whose size could be."""
    assert opened(refused(Gate(), 40.0, teaches=False)).learned_burst(NOW) is None


@pytest.mark.parametrize("levels", [(40.0, 20.0), (20.0, 40.0), (20.0, 20.0)])
def test_the_lowest_level_counts(levels: tuple[float, float]) -> None:
    """Of several calls refused together, the first had the fewest before it."""
    assert opened(refused(Gate(), *levels)).learned_burst(NOW) == 15


def test_a_lesson_only_lowers_the_one_before() -> None:
    """A refusal at a higher level says nothing new."""
    gate = opened(refused(Gate(), 20.0))
    assert opened(refused(gate, 40.0)).learned_burst(NOW) == 15
    assert opened(refused(gate, 12.0)).learned_burst(NOW) == 7


@pytest.mark.parametrize(("setting", "burst"), [(55.0, 15.0), (15.0, 15.0), (9.0, 9.0), (1.0, 1.0)])
def test_the_burst_is_the_smaller_of_setting_and_lesson(setting: float, burst: float) -> None:
    """A lesson never allows more than was set."""
    assert opened(refused(Gate(), 20.0)).burst(setting, NOW) == burst


def test_a_lesson_is_forgotten() -> None:
    """After its hours the setting counts again."""
    gate = opened(refused(Gate(), 20.0))
    assert gate.learned_burst(NOW + LEARNED_FOR - 1) == 15
    assert gate.learned_burst(NOW + LEARNED_FOR) is None
    assert gate.burst(55.0, NOW + LEARNED_FOR) == 55.0


def test_a_forgotten_lesson_does_not_bound_the_next() -> None:
    """A server may have been given a larger bucket meanwhile."""
    later = NOW + LEARNED_FOR
    gate = opened(refused(opened(refused(Gate(), 20.0)), 40.0, now=later), later)
    assert gate.learned_burst(later) == 35
    assert gate.learned_burst(later + LEARNED_FOR - 1) == 35


@pytest.mark.parametrize("storms", [1, 2, 3])
def test_a_storm_teaches_nothing(storms: int) -> None:
    """A bucket that has leaked takes the probe, so it was something else."""
    gate = refused(opened(refused(Gate(), 20.0)), 12.0, 13.0)
    for _ in range(storms):
        gate = stormy(gate)
    assert opened(refused(gate, 9.0)).learned_burst(NOW) == 15


def test_after_a_storm_there_is_more_to_learn() -> None:
    """The next closing is looked at anew."""
    gate = opened(stormy(refused(Gate(), 12.0)))
    assert opened(refused(gate, 30.0)).learned_burst(NOW) == 25


# --- Whatever happens -----------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.floats(0, 30),
        st.sampled_from(["send", "send", "answer", "lose", "refuse"]),
        st.integers(0, 20),
        st.floats(0, 20),
        st.booleans(),
    ),
    max_size=60,
)


@given(STEPS, st.floats(1, 100))
def test_whatever_happens_the_gate_keeps_its_word(
    steps: list[tuple[float, str, int, float, bool]], setting: float
) -> None:
    """It moves forward only, has one probe out at most, and allows from one call to the setting."""
    gate, now = Gate(), 0.0
    out: list[Turn] = []
    for passed, event, which, halt, teaches in steps:
        now += passed
        before = gate
        if event == "send" and gate.wait(now) == 0:
            out.append(Turn(level=float(which), probe=gate.proving))
            gate = gate.sent(now, math.inf)
        elif event != "send" and out:
            turn = out.pop(which % len(out))
            if event == "refuse":
                gate = gate.refuse(turn, now, halt=halt, teaches=teaches)
            gate = gate.released(turn, now, answered=event == "answer")
        assert gate.closed_until >= before.closed_until
        assert gate.refusals - before.refusals in (0, 1)
        assert sum(turn.probe for turn in out) <= 1
        assert gate.wait(now) >= gate.halt(now) >= 0
        assert 1 <= gate.burst(setting, now) <= setting
        learned = gate.learned_burst(now)
        assert learned is None or learned >= 1
        if before.proving and not gate.proving:
            assert event == "answer"
        if gate.refusals > before.refusals:
            assert gate.proving
            assert gate.closed_until >= now + halt
