"""A line that breaks in every way: nothing told is wrong, and nothing is written twice."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from planado_async import (
    NotFoundError,
    OutcomeUnknownError,
    Planado,
    PlanadoError,
    TransportError,
)
from planado_async.emulator import Emulator
from tests.reliability.line import FAULTS, FaultyLine

CALLS = 10_000
CALLERS = 20
SHARE = 0.05  # of the calls, struck by each of the faults


class Caller:
    """Makes calls, knows what each may answer, and keeps what is wrong.

    Its jobs are its own, so it knows their state, up to what an unknown outcome leaves open.
    """

    def __init__(self, name: str, planado: Planado, skills: list[Any], seed: int) -> None:
        self.jobs: dict[str, set[str | None]] = {}  # descriptions that each job may have now
        self.deleted: list[str] = []
        self.told: dict[str, bool | None] = {}  # by mark: whether the write is said to be done
        self.wrong: list[str] = []
        self.outcomes: Counter[str] = Counter()
        self._name = name
        self._planado = planado
        self._skills = skills
        self._rng = random.Random(seed)

    async def work(self, calls: int) -> None:
        steps = (self.create, self.get, self.update, self.add_field, self.delete, self.get_deleted)
        for _ in range(calls):
            (step,) = self._rng.choices((*steps, self.list), (25, 30, 20, 5, 10, 5, 5))
            try:
                await step()
                self.outcomes["done"] += 1
            except (TransportError, OutcomeUnknownError) as error:
                self.outcomes[type(error).__name__] += 1
            except PlanadoError as error:
                self._wrong(f"{step.__name__}: {error!r}")

    async def create(self) -> None:
        mark = self._mark()
        named: Any = {"external_id": mark} if self._rng.random() < 0.5 else {}
        self.told[mark] = None
        try:
            uuid = await self._planado.jobs.create(description=mark, **named)
        except OutcomeUnknownError:
            if named:
                await self._look_up(mark)
            raise
        except TransportError:
            self.told[mark] = False
            raise
        self.told[mark] = True
        self.jobs[uuid] = {mark}

    async def _look_up(self, mark: str) -> None:
        """Find out what became of a create, as its error says."""
        try:
            job = await self._planado.jobs.get(mark)
        except NotFoundError:
            self.told[mark] = False
            return
        self._check(job.external_id == job.description == mark, f"{mark} is {job}")
        self.told[mark] = True
        self.jobs[job.uuid] = {mark}

    async def get(self) -> None:
        if uuid := self._any_job():
            job = await self._planado.jobs.get(uuid)
            self._check(job.uuid == uuid, f"{uuid} was asked for, {job.uuid} came")
            self._check(job.description in self.jobs[uuid], f"{uuid} has {job.description}")
            self.jobs[uuid] = {job.description}

    async def update(self) -> None:
        if uuid := self._any_job():
            mark = self._mark()
            self.jobs[uuid] = self.jobs[uuid] | {mark}
            answer = await self._planado.jobs.update(uuid, description=mark)
            self._check(answer == uuid, f"{uuid} was written to, {answer} answered")
            self.jobs[uuid] = {mark}

    async def add_field(self) -> None:
        if uuid := self._any_job():
            mark = self._mark()
            self.told[mark] = None
            new: Any = {"name": mark, "field_type": "input", "data_type": "string", "value": "x"}
            await self._planado.jobs.update(uuid, custom_fields=[new])
            self.told[mark] = True

    async def delete(self) -> None:
        if uuid := self._any_job():
            self.jobs.pop(uuid)  # after an unknown outcome nothing is known of it
            await self._planado.jobs.delete(uuid)
            self.deleted.append(uuid)

    async def get_deleted(self) -> None:
        if self.deleted:
            uuid = self._rng.choice(self.deleted)
            try:
                job = await self._planado.jobs.get(uuid)
            except NotFoundError:
                return
            self._wrong(f"{uuid} is deleted, and {job} came")

    async def list(self) -> None:
        skills = await self._planado.skills.list().collect()
        self._check(skills == self._skills, f"the skills are {skills}")

    def _any_job(self) -> str | None:
        return self._rng.choice(sorted(self.jobs)) if self.jobs else None

    def _mark(self) -> str:
        """Return a text that no other write has."""
        return f"{self._name}-{self._rng.getrandbits(64):x}"

    def _check(self, right: bool, wrong: str) -> None:
        if not right:
            self._wrong(wrong)

    def _wrong(self, what: str) -> None:
        self.wrong.append(f"{self._name}: {what}")


async def test_a_breaking_line_shows_nothing_wrong_and_doubles_nothing(
    scaled: Callable[[int], int], figures: Callable[..., None]
) -> None:
    """A quarter of the calls is struck; data, errors and writes are what they are told to be."""
    async with Emulator(rate=1e6, burst=1e6) as emulator:
        port = int(emulator.control_url.split(":")[2].split("/")[0])
        async with (
            FaultyLine(port, random.Random(19), SHARE) as line,
            Planado(emulator.api_key, base_url=emulator.url, rate=None) as straight,
            Planado(
                emulator.api_key, base_url=f"http://127.0.0.1:{line.port}/v2", rate=None
            ) as planado,
        ):
            skills = await straight.skills.list().collect()
            callers = [Caller(f"c{n}", planado, skills, n) for n in range(CALLERS)]
            await asyncio.gather(*(each.work(scaled(CALLS) // CALLERS) for each in callers))
            for caller in callers:
                await audit(straight, caller)
    doubled = check_writes(line, callers)
    outcomes = sum((caller.outcomes for caller in callers), Counter())
    wrong = [each for caller in callers for each in caller.wrong]
    figures(**outcomes, struck=dict(line.struck), wrong=len(wrong), doubled=len(doubled))
    assert (wrong, doubled) == ([], [])
    assert min(line.struck[fault] for fault in FAULTS) > 0.9 * SHARE * line.struck.total()
    assert outcomes["done"] > 0.85 * outcomes.total()


async def audit(straight: Planado, caller: Caller) -> None:
    """Compare what a caller knows with what there is."""
    for uuid, descriptions in caller.jobs.items():
        assert (await straight.jobs.get(uuid)).description in descriptions
    for uuid in caller.deleted:
        with pytest.raises(NotFoundError):
            await straight.jobs.get(uuid)


def check_writes(line: FaultyLine, callers: list[Caller]) -> list[str]:
    """Check what was told of creates and new fields, and return those done more than once."""
    done = Counter(mark for each in line.done if (mark := mark_of(each.method, each.body)))
    for caller in callers:
        for mark, told in caller.told.items():
            assert told is None or told == (mark in done), (mark, told, done[mark])
    return [mark for mark, count in done.items() if count > 1]


def mark_of(method: str, body: bytes) -> str | None:
    """Return the mark of a write that must not happen twice."""
    sent = orjson.loads(body) if body else {}
    if method == "POST":
        return str(sent["description"])
    return str(sent["custom_fields"][0]["name"]) if "custom_fields" in sent else None
