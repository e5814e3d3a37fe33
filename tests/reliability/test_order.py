"""Events come in any order, twice, late or with crashes between: each order keeps its promise."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async.webhooks.inbox import MAX_CRASHES, Claim, Delivery, Route, Run
from planado_async.webhooks.sqlite import SqliteInbox
from tests.webhooks.making import Clock, delivery

SEQUENCES, PUSHED = 10_000, 300
"""Sequences of a full run and of any other: a tenth would take longer than it tells."""
ENTITIES = 20
CRASHES = MAX_CRASHES - 1  # one more could set an event aside, as it should
ROUTES = {
    "latest": Route(("*",), "latest"),
    "every": Route(("*",), "every"),
    "strict": Route(("*",), "strict", 60.0),
}
MAKE = "CREATE TABLE IF NOT EXISTS ledger (handler, entity, version INTEGER, event, gap)"
ADD = "INSERT INTO ledger VALUES (?, ?, ?, ?, ?)"
READ = "SELECT handler, entity, version, event, gap FROM ledger ORDER BY rowid"

Step = tuple[str, int]


@attrs.frozen
class Plan:
    """What happens: events in the order they come, the last `lost` only by a repair at the end."""

    events: Sequence[Delivery]
    lost: int
    steps: Sequence[Step]


STEPS = st.one_of(
    st.tuples(st.just("put"), st.integers(1, 30)),
    st.tuples(st.just("repeat"), st.integers(0, 200)),
    st.tuples(st.sampled_from(["claim", "wait"]), st.integers(1, 30)),
    st.tuples(st.sampled_from(["complete", "retry", "release"]), st.integers(0, 200)),
    st.tuples(st.just("crash"), st.just(0)),
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Draw entities with their changes, some of which send two types of event, and their ways."""
    changes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=ENTITIES))
    twice = draw(st.integers(2, 7))
    events = list(_events(changes, twice))
    shuffled = draw(st.permutations(events))
    lost = draw(st.integers(0, len(events)))
    return Plan(shuffled, lost, draw(st.lists(STEPS, max_size=40)))


def _events(changes: Sequence[int], twice: int) -> Iterator[Delivery]:
    for entity, count in enumerate(changes):
        for version in range(1, count + 1):
            name = f"{entity}.{version}"
            yield delivery(name, entity=f"j{entity}", version=version)
            if (entity + version) % twice == 0:
                yield delivery(f"{name}s", "job_started", entity=f"j{entity}", version=version)


class Story:
    """Takes an inbox through a plan; what a handler does is to write into its ledger."""

    def __init__(self, inbox: SqliteInbox, clock: Clock, plan: Plan) -> None:
        self.inbox = inbox
        self.clock = clock
        self.coming = list(plan.events[: len(plan.events) - plan.lost])
        self.lost = plan.events[len(plan.events) - plan.lost :]
        self.known: list[Delivery] = []
        self.held: list[Run] = []
        self.lives = 0

    async def tell(self, plan: Plan) -> None:
        """Take the steps, then let everything come and end."""
        for what, number in plan.steps:
            await getattr(self, what)(number)
        for one in (*self.coming, *self.lost):
            await self.inbox.put(one)
        while (await self.inbox.counts()).waiting:
            await self.wait(100)
            while self.held:
                await self.complete(0)

    async def wait(self, seconds: int) -> None:
        self.clock.now += seconds
        await self.inbox.renew(self.owner, 90.0)
        await self.claim(100)

    @property
    def owner(self) -> str:
        return f"life{self.lives}"

    async def put(self, count: int) -> None:
        for one in self.coming[:count]:
            assert await self.inbox.put(one)
            self.known.append(one)
        del self.coming[:count]

    async def claim(self, limit: int) -> None:
        found = Claim(more=True)
        while found.more:
            found = await self.inbox.claim(ROUTES, owner=self.owner, lease=90.0, limit=limit)
            self.held += found.runs

    async def repeat(self, number: int) -> None:
        if self.known:
            assert not await self.inbox.put(self.known[number % len(self.known)])

    async def complete(self, number: int) -> None:
        if self.held:
            run = self.held.pop(number % len(self.held))
            one = run.delivery
            row = [run.handler, one.entity_uuid, one.version, one.event_uuid, repr(run.gap)]
            assert await self.inbox.complete(run, [(MAKE, ()), (ADD, row)])

    async def retry(self, number: int) -> None:
        if self.held:
            run = self.held.pop(number % len(self.held))
            assert await self.inbox.retry(run, self.clock.now + number, "no")

    async def release(self, number: int) -> None:
        if self.held:
            assert await self.inbox.release(self.held.pop(number % len(self.held)))

    async def crash(self, _: int) -> None:
        if self.lives < CRASHES:
            self.lives += 1
            self.held.clear()
            await self.inbox.recover(self.owner)


@attrs.frozen
class Entry:
    """One line of the ledger."""

    handler: str
    entity: str
    version: int
    event: str
    gap: str


async def ledger_of(plan: Plan) -> Sequence[Entry]:
    """Return what handlers wrote, in order, when all of the plan has come and ended."""
    async with SqliteInbox(":memory:", clock=(clock := Clock())) as inbox:
        await Story(inbox, clock, plan).tell(plan)
        counts = await inbox.counts()
        assert (counts.waiting, counts.dead, counts.done) == (0, 0, len(plan.events))
        rows = await inbox._write(lambda connection: connection.execute(READ).fetchall())
    return [Entry(*row) for row in rows]


def lanes(ledger: Sequence[Entry], handler: str) -> Mapping[str, list[Entry]]:
    """Return the lines of a handler by entity."""
    found: dict[str, list[Entry]] = {}
    for line in ledger:
        if line.handler == handler:
            found.setdefault(line.entity, []).append(line)
    return found


def falls(lane: Sequence[Entry]) -> int:
    """Count how often a lower version came after a higher one."""
    return sum(later.version < first.version for first, later in pairwise(lane))


def test_each_order_keeps_its_promise(
    scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """Latest never falls back and ends at the last version; every runs each event once.

    Strict never falls back either, and whatever it went on without it has named.
    """
    told: Counter[str] = Counter()

    full = scaled(SEQUENCES) == SEQUENCES

    @settings(max_examples=SEQUENCES if full else PUSHED)
    @given(plan=plans())
    def keeps(plan: Plan) -> None:
        ledger = asyncio.run(ledger_of(plan))
        last = {str(one.entity_uuid): 0 for one in plan.events}
        for one in plan.events:
            entity = str(one.entity_uuid)
            last[entity] = max(last[entity], one.version or 0)
        once = Counter(line.event for line in ledger if line.handler == "every")
        assert once == Counter(one.event_uuid for one in plan.events)
        for handler in ("latest", "strict"):
            found = lanes(ledger, handler)
            assert {entity: lane[-1].version for entity, lane in found.items()} == last
            assert sum(map(falls, found.values())) == 0
        for lane in lanes(ledger, "strict").values():
            assert unnamed(lane) == []
        told.update(sequences=1, events=len(plan.events), runs=len(ledger))
        told["falls_under_every"] += sum(map(falls, lanes(ledger, "every").values()))

    keeps()
    figures(**told)


def unnamed(lane: Sequence[Entry]) -> list[Entry]:
    """Return the lines that came over missing versions without saying so, or said what is wrong."""
    before = 0
    wrong = []
    for line in lane:
        gap = (before + 1, line.version - 1) if line.version > before + 1 else None
        wrong += [line] if repr(gap) != line.gap else []
        before = line.version
    return wrong
