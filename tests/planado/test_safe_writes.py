"""No create is left in doubt, and no listing ends short, whatever becomes of the line."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from attrs import frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async import (
    ConflictError,
    NotFoundError,
    OutcomeUnknownError,
    Planado,
    PlanadoError,
    RetryPolicy,
)
from planado_async.emulator import Emulator
from tests.core.wire import KEY, Answer, Wire
from tests.planado.conftest import START
from tests.virtual_time import VirtualTimeLoop

Fault: TypeAlias = dict[str, Any]
TAKEN = "is used by another entity"
LOST = ("cut_before", "cut_after", "status", "not_json")

# --- A thousand creates ---------------------------------------------------------------------------

PATIENT = RetryPolicy(attempts=30)
CUT_AFTER: Fault = {"kind": "cut_after", "probability": 0.3}
CUT_BEFORE: Fault = {"kind": "cut_before", "probability": 0.3}
PAGES_OF_A_PROXY: list[Fault] = [
    {"kind": "status", "status": 502, "probability": 0.1},
    {"kind": "status", "status": 503, "probability": 0.1, "execute": True},
    {"kind": "not_json", "probability": 0.1, "execute": True},
]
# Longer than the time-out of a try: the call is carried out when nobody waits for it any more.
STALLS: list[Fault] = [
    {"kind": "delay", "seconds": seconds, "probability": 0.05} for seconds in (30.2, 30.6, 45, 90)
]
PLANS: dict[str, list[Fault]] = {
    "cut after": [CUT_AFTER],
    "cut before": [CUT_BEFORE],
    "5xx": [CUT_AFTER, *PAGES_OF_A_PROXY],
    "stalls": [*STALLS, CUT_AFTER],
    "everything": [*STALLS, CUT_AFTER, CUT_BEFORE, *PAGES_OF_A_PROXY],
}


@pytest.mark.parametrize("plan", PLANS)
async def test_a_thousand_safe_creates_make_a_thousand_jobs(plan: str) -> None:
    """Each uuid returned is a job of its own with what was sent, and there are no others."""
    async with (
        Emulator(rate=1e6, burst=1e6, start=START, seed=7) as emulator,
        Planado(emulator.api_key, base_url=emulator.url, rate=None, retries=PATIENT) as planado,
    ):
        for fault in PLANS[plan]:
            emulator.fault(**fault, method="POST", path="/jobs", count=None)

        async def make(number: int) -> str:
            return await planado.jobs.create(description=f"job {number}", safe=True)

        report = await planado.bulk(make, range(1000))
        assert report.failed == []
        struck = emulator.counters()["faults"]
        assert min(struck[fault["kind"]] for fault in PLANS[plan]) > 30
        await asyncio.sleep(100.0)  # until the last call that stalls has been carried out
        made = {uuid: f"job {number}" for number, uuid in report.ok}
        assert len(made) == 1000
        assert sorted(item.uuid for item in await planado.jobs.list().collect()) == sorted(made)
        read = await planado.bulk(planado.jobs.get, made)
        assert {uuid: job.description for uuid, job in read.ok} == made


# --- Every kind of record -------------------------------------------------------------------------


@frozen
class Kind:
    """How one kind of record is made and read."""

    group: str
    fields: dict[str, Any]

    async def create(self, planado: Planado, external_id: str) -> str:
        create: Callable[..., Awaitable[str]] = getattr(planado, self.group).create
        return await create(external_id=external_id, **self.fields)

    async def uuids(self, planado: Planado) -> list[str]:
        return [each.uuid async for each in getattr(planado, self.group).list()]


KINDS = [
    Kind("jobs", {"description": "pump"}),
    Kind("clients", {"organization": True, "organization_name": "Blue Kiln"}),
    Kind("sites", {"name": "Kiln"}),
    Kind("product_categories", {"name": "Seals"}),
    Kind("service_categories", {"name": "Looks"}),
    Kind("units", {"name": "hour", "code": "h"}),
]
by_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.group)


@by_kind
@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("execute", [False, True], ids=["not done", "done"])
async def test_whatever_has_an_external_id_recovers(
    planado: Planado, emulator: Emulator, kind: Kind, fault: str, execute: bool
) -> None:
    """One record is made, whether the first try was carried out or not, and its uuid returned."""
    there = await kind.uuids(planado)
    emulator.fault(fault, method="POST", execute=execute)
    uuid = await kind.create(planado, "own-1")
    assert [each for each in await kind.uuids(planado) if each not in there] == [uuid]
    assert (await getattr(planado, kind.group).get("own-1")).uuid == uuid


@by_kind
async def test_a_conflict_names_what_has_the_id(
    planado: Planado, emulator: Emulator, kind: Kind
) -> None:
    """The uuid of the record that is there comes with the error, for one further call."""
    uuid = await kind.create(planado, "own-1")
    calls = emulator.counters()["calls"]
    with pytest.raises(ConflictError, match=f"{TAKEN}; it is {uuid}") as caught:
        await kind.create(planado, "own-1")
    assert caught.value.uuid == uuid
    assert emulator.counters()["calls"] == calls + 2


@pytest.mark.parametrize("slip", [True, False])
async def test_a_site_is_found_under_either_key(
    planado: Planado, emulator: Emulator, slip: bool
) -> None:
    """By external_id it may come under the plural key."""
    emulator.settings(site_slip=slip)
    emulator.fault("cut_after", method="POST")
    uuid = await planado.sites.create(name="Kiln", external_id="site-1")
    assert [each.uuid async for each in planado.sites.list()] == [uuid]


@pytest.mark.parametrize(
    ("group", "fields"),
    [
        ("products", {"name": "Seal", "unit": {"name": "piece"}, "external_id": "p-1"}),
        ("services", {"name": "Look", "external_id": "s-1"}),
        ("product_categories", {"name": "Seals", "external_id": None}),
        ("jobs", {"external_id": ""}),
        ("jobs", {}),
    ],
)
async def test_what_cannot_be_read_by_its_external_id_stays_in_doubt(
    planado: Planado, emulator: Emulator, group: str, fields: dict[str, Any]
) -> None:
    """Without a documented way to look it up, a create is sent once."""
    emulator.fault("cut_after", method="POST")
    calls = emulator.counters()["calls"]
    with pytest.raises(OutcomeUnknownError, match="look the record up before") as caught:
        await getattr(planado, group).create(**fields)
    assert caught.value.sent == fields
    assert emulator.counters()["calls"] == calls + 1


@pytest.mark.parametrize("id", ["a/b", "наряд-7", "50%", "a?b#c"])
async def test_any_external_id_is_looked_up_whole(
    planado: Planado, emulator: Emulator, id: str
) -> None:
    """Slashes and Cyrillic reach the record."""
    emulator.fault("cut_after", method="POST")
    uuid = await planado.jobs.create(external_id=id)
    assert (await planado.jobs.get(uuid)).external_id == id


@pytest.mark.parametrize("id", [".", ".."])
async def test_an_external_id_that_no_path_can_carry_is_refused(
    planado: Planado, emulator: Emulator, id: str
) -> None:
    """Nobody could ever read it, so no call is spent."""
    with pytest.raises(ValueError, match="is no id"):
        await planado.jobs.create(external_id=id)
    assert emulator.counters()["calls"] == 0


async def test_another_record_is_not_taken_for_the_one_created(
    planado: Planado, emulator: Emulator
) -> None:
    """An external_id may be the uuid of another job, which a path finds first."""
    other = await planado.jobs.create(description="the first visit")
    emulator.fault("cut_before", method="POST")
    with pytest.raises(OutcomeUnknownError, match="another external_id"):
        await planado.jobs.create(external_id=other, description="the second visit")


async def test_the_look_up_is_a_plain_read() -> None:
    """It goes by the external_id and carries none of a write's switches."""
    found = Answer(body=b'{"job": {"uuid": "u", "external_id": "wo-1"}}')
    async with (
        Wire(Answer(status=502), found) as wire,
        Planado(KEY, base_url=wire.url, notify_assignees=False) as planado,
    ):
        assert await planado.jobs.create(external_id="wo-1", trigger_webhooks=True) == "u"
    create, look_up = wire.asked
    assert (look_up.method, look_up.path, look_up.body) == ("GET", "/v2/jobs/wo-1", b"")
    switches = {name for name in create.headers if name.startswith("X-Planado-")} - {
        "X-Planado-API-Key"
    }
    assert len(switches) == 2
    assert not switches & set(look_up.headers)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"job": {}}', b'{"job": {"external_id": "wo-1"}}', b"<html>"]
)
async def test_a_look_up_without_a_usable_answer_finds_nothing_out(body: bytes) -> None:
    """Only a record with the id, or a 404, is an answer."""
    async with (
        Wire(Answer(status=502), Answer(body=body)) as wire,
        Planado(KEY, base_url=wire.url) as planado,
    ):
        with pytest.raises(OutcomeUnknownError) as caught:
            await planado.jobs.create(external_id="wo-1")
    assert wire.methods == ["POST", "GET"]
    assert caught.value.sent == {"external_id": "wo-1"}


# --- safe=True ------------------------------------------------------------------------------------


async def test_safe_makes_an_external_id(planado: Planado) -> None:
    """It is a random uuid, another one each time."""
    uuids = [await planado.jobs.create(safe=True) for _ in range(2)]
    own = [(await planado.jobs.get(uuid)).external_id or "" for uuid in uuids]
    assert [UUID(each).version for each in own] == [4, 4]
    assert own[0] != own[1]


@pytest.mark.parametrize(
    ("fields", "sent"),
    [
        ({"safe": True, "external_id": "wo-1"}, {"external_id": "wo-1"}),
        ({"safe": False, "external_id": "wo-1"}, {"external_id": "wo-1"}),
        ({"safe": False}, {}),
        ({}, {}),
    ],
)
async def test_safe_itself_is_not_sent(fields: dict[str, Any], sent: dict[str, Any]) -> None:
    """An id that is given is kept, and none is made unless asked for."""
    async with (
        Wire(Answer(status=422, body=b"{}")) as wire,
        Planado(KEY, base_url=wire.url) as planado,
    ):
        with pytest.raises(PlanadoError):
            await planado.jobs.create(**fields)
    assert [each.body for each in wire.asked] == [
        str(sent).replace("'", '"').replace(" ", "").encode()
    ]


async def test_safe_fills_an_empty_external_id(planado: Planado, emulator: Emulator) -> None:
    """An empty cell of a table is no id."""
    emulator.fault("cut_after", method="POST")
    uuid = await planado.jobs.create(external_id="", safe=True)
    assert (await planado.jobs.get(uuid)).external_id


@pytest.mark.parametrize("safe", [None, 1, "yes"])
async def test_safe_is_true_or_false(planado: Planado, safe: Any) -> None:
    """Anything else is refused before a call is spent."""
    with pytest.raises(TypeError, match=r"^safe (takes True or False|cannot be null)"):
        await planado.jobs.create(safe=safe)


async def test_safe_belongs_to_the_creation_of_jobs(planado: Planado) -> None:
    """Nothing else takes it, and the client has no such option."""
    unsafe: list[Callable[..., Any]] = [
        lambda **given: planado.jobs.update("u", **given),
        planado.clients.create,
        planado.sites.create,
    ]
    for call in unsafe:
        with pytest.raises(TypeError, match=r"safe|needs"):
            await call(safe=True)
    with pytest.raises(TypeError, match="safe"):
        planado.with_options(safe=True)  # type: ignore[call-arg]


# --- Templates ------------------------------------------------------------------------------------


async def test_a_template_may_swallow_fields(planado: Planado, emulator: Emulator) -> None:
    """The emulator can do as the API is said to, so that the recipe is worth its call."""
    emulator.settings(template_oddity=True)
    uuid = await planado.jobs.create(template={"name": "Boiler service"}, description="gone")
    assert (await planado.jobs.get(uuid)).description is None


# --- Listings -------------------------------------------------------------------------------------


@frozen
class Plan:
    """What happens to a listing: faults of its calls, and jobs that others delete meanwhile."""

    jobs: int
    seed: int
    faults: Sequence[Fault]
    deletions: Sequence[int]
    """One after each page: the number of the job that goes."""


def fault(*kinds: str) -> st.SearchStrategy[Fault]:
    return st.fixed_dictionaries(
        {
            "kind": st.sampled_from(kinds),
            "count": st.integers(1, 4),
            "probability": st.sampled_from([0.3, 0.7, 1.0]),
        }
    )


cursor_fault = st.sampled_from([0.2, 0.5, 1.0]).map(
    lambda probability: {"kind": "delete_cursor", "count": 1, "probability": probability}
)
PLAN = st.builds(
    Plan,
    jobs=st.integers(0, 90),
    seed=st.integers(0, 99),
    faults=st.tuples(
        st.lists(fault("refuse_429", "refuse_200", "status", "cut_before", "not_json"), max_size=3),
        st.lists(cursor_fault, max_size=1),
    ).map(lambda both: [*both[0], *both[1]]),
    deletions=st.lists(st.integers(0, 89), max_size=4),
)


@given(PLAN)
@settings(max_examples=40)
def test_a_listing_is_whole_or_says_where_to_go_on(plan: Plan) -> None:
    """Refused, cut, answered with HTML, its records deleted: every job that stays comes once."""
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_listed_under(plan))


async def _listed_under(plan: Plan) -> None:
    async with (
        Emulator(rate=1e6, burst=1e6, start=START, seed=plan.seed) as emulator,
        Planado(emulator.api_key, base_url=emulator.url, rate=None) as planado,
    ):
        made = [await planado.jobs.create() for _ in range(plan.jobs)][::-1]  # newest first
        for each in plan.faults:
            emulator.fault(**each, method="GET", path="/jobs")
        walk = _Walk(planado, emulator, made, list(plan.deletions))
        await walk.to_the_end()
        emulator.cancel_faults()
        left = {job.uuid for job in await planado.jobs.list().collect()}
    assert len(set(walk.got)) == len(walk.got)
    assert walk.got == [uuid for uuid in made if uuid in walk.got]
    assert left <= set(walk.got)


class _Walk:
    """Walks over all jobs, from where it stopped if it has to, while others delete some."""

    def __init__(
        self, planado: Planado, emulator: Emulator, made: list[str], deletions: list[int]
    ) -> None:
        self._planado, self._emulator = planado, emulator
        self._made, self._deletions = made, deletions
        self.got: list[str] = []

    async def to_the_end(self) -> None:
        after: str | None = None
        for _ in range(20):
            pages = self._planado.jobs.list(after=after)
            with suppress(PlanadoError):
                async for page in pages.pages():
                    self.got += [job.uuid for job in page]
                    await self._delete_one()
                return
            after = pages.cursor
            assert after == (self.got[-1] if self.got else None)
            self._keep_the_cursor()
        raise AssertionError("it never ends")

    async def _delete_one(self) -> None:
        number = self._deletions.pop() if self._deletions else len(self._made)
        # The cursor and the job before it may not go both: that is a limit of the API's cursors.
        if number < len(self._made) and self._made[number] not in self.got[-2:]:
            with suppress(NotFoundError):  # it was a cursor, and is gone already
                await self._planado.jobs.delete(self._made[number])

    def _keep_the_cursor(self) -> None:
        """Let no record go that a walk begins behind: the API answers that like the end."""
        for fault in self._emulator.faults()["faults"]:
            if fault["kind"] == "delete_cursor":
                self._emulator.cancel_faults(fault["uuid"])
