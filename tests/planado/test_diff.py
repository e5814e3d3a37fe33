"""What an update would change: told by meaning, and never less than what the full update does."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from attrs import evolve, fields, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

from planado_async import Planado, diff
from planado_async.core.convert import decode
from planado_async.core.encode import encode
from planado_async.emulator import Emulator
from planado_async.planado.models import Client, Job, JobItem, Site, Skill
from planado_async.planado.writes import ClientUpdate, JobUpdate, SiteUpdate, WriteOptions
from tests.virtual_time import VirtualTimeLoop

MOSCOW = timezone(timedelta(hours=3))
DUST = {"uuid": "f-1", "name": "Dust", "field_type": "input", "data_type": "decimal"}
MAKE = {"uuid": "f-2", "name": "Make", "field_type": "dictionary", "data_type": "dictionary value"}
DUE = {"uuid": "f-3", "name": "Due", "field_type": "input", "data_type": "datetime"}
WAITS = {"uuid": "f-4", "name": "Waits", "field_type": "checkbox", "data_type": "boolean"}
DONE = {"uuid": "r-1", "name": "Done", "successful": True}
ABSENT = {"uuid": "r-2", "name": "Absent", "successful": False}

JOB: dict[str, Any] = {
    "uuid": "j-1",
    "scheduled_at": "2026-02-03T09:30:00Z",
    "scheduled_duration": {"minutes": 90},
    "client": {"uuid": "c-1", "external_id": "crm-1"},
    "site": None,
    "assignee": {"worker": {"uuid": "w-1", "email": "w@example.test"}},
    "assignees": [{"uuid": "w-1", "access": "edit"}],
    "skills": [{"uuid": "s-1", "name": "Gas"}, {"uuid": "s-2", "name": "Roofs"}],
    "territory": {"uuid": "t-1", "name": "North"},
    "description": "pump",
    "address": {
        "formatted": "Kiln Rd 1",
        "floor": "2",
        "apartment": None,
        "geolocation": {"longitude": 2.5, "latitude": 1.5},
    },
    "contacts": [
        {"name": None, "value": "555-0100", "type": "phone"},
        {"name": "Jo", "value": "jo@example.test", "type": "email"},
    ],
    "possible_resolutions": [DONE, ABSENT],
    "custom_fields": [
        {**DUST, "required": False, "hidden": False, "read_only": False, "value": "1.50"},
        {**MAKE, "value": {"uuid": "v-1", "name": "Korbel"}},
        {**DUE, "value": "2026-02-03T09:30:00Z"},
        {**WAITS, "value": True},
    ],
    "report_fields": [],
}


def job(**changes: Any) -> Job:
    """Return a job as it is read, with some of its JSON changed."""
    return decode({**JOB, **changes}, Job)


SAME = [
    {"description": "pump"},
    {"scheduled_at": datetime(2026, 2, 3, 12, 30, tzinfo=MOSCOW)},
    {"scheduled_at": datetime(2026, 2, 3, 9, 30, 0, 123456, tzinfo=UTC)},
    {"scheduled_at": "2026-02-03T09:30:00.000000+00:00"},
    {"scheduled_duration": timedelta(hours=1.5)},
    {"scheduled_duration": {"minutes": 90}},
    {"client": {"uuid": "c-1"}},
    {"client": {"external_id": "crm-1"}},
    {"site": None},
    {"assignee": {"worker": {"uuid": "w-1"}}},
    {"assignees": [{"worker": {"uuid": "w-1"}, "access": "edit"}]},
    {"skills": [{"name": "Roofs"}, {"uuid": "s-1"}]},
    {"skills": [{"name": "Roofs"}, {"uuid": "s-1"}, {"name": "Gas"}]},
    {"territory": {"name": "North"}},
    {"possible_resolutions": [{"name": "Absent"}, {"uuid": "r-1"}]},
    {
        "address": {
            "formatted": "Kiln Rd 1",
            "floor": "2",
            "entrance_no": None,
            "geolocation": {"latitude": 1.5, "longitude": 2.5},
        }
    },
    {
        "contacts": [
            {"value": "555-0100", "type": "phone"},
            {"value": "jo@example.test", "name": "Jo", "type": "email"},
        ]
    },
    {"custom_fields": []},
    {"custom_fields": [{"name": "Dust", "value": Decimal("1.5")}]},
    {"custom_fields": [{"uuid": "f-1", "value": 1.5, "hidden": False}]},
    {"custom_fields": [{"name": "Dust", "field_type": "input", "value": "1.50"}]},
    {"custom_fields": [{"uuid": "f-2", "value": {"uuid": "v-1"}}]},
    {"custom_fields": [{"name": "Make", "value": {"name": "Korbel"}}]},
    {"custom_fields": [{"name": "Due", "value": datetime(2026, 2, 3, 12, 30, tzinfo=MOSCOW)}]},
    {"custom_fields": [{"name": "Due", "value": "2026-02-03T09:30:00"}]},  # the API's zone is UTC
    {"custom_fields": [{"name": "Waits", "value": True}]},
    {"report_fields": []},
]

CHANGED = [
    {"description": "pump "},
    {"description": None},
    {"scheduled_at": "2026-02-03T09:30:01Z"},
    {"scheduled_at": None},
    {"scheduled_duration": timedelta(minutes=91)},
    {"client": {"uuid": "crm-1"}},
    {"client": None},
    {"client": {"organization": True, "organization_name": "Blue Kiln", "external_id": "crm-1"}},
    {"site": {"external_id": "site-1"}},
    {"assignee": None},
    {"assignee": {"worker": {"uuid": "w-2"}}},
    {"assignee": {"team": {"uuid": "w-1"}}},
    {"assignees": [{"worker": {"uuid": "w-2"}, "access": "edit"}]},
    {
        "assignees": [
            {"worker": {"uuid": "w-1"}, "access": "edit"},
            {"team": {"uuid": "t-1"}, "access": "view"},
        ]
    },
    {"skills": [{"name": "Gas"}]},
    {"skills": [{"name": "Gas"}, {"name": "Walls"}]},
    {"skills": []},
    {"territory": {"name": "South"}},
    {"territory": None},
    {"possible_resolutions": [{"name": "Done"}, {"name": "Broken"}]},
    {"address": {"formatted": "Kiln Rd 2"}},
    {"address": {"formatted": "Kiln Rd 1"}},  # the floor may go
    {
        "address": {
            "formatted": "Kiln Rd 1",
            "floor": "2",
            "geolocation": {"latitude": 2.5, "longitude": 1.5},
        }
    },
    {"contacts": [{"value": "555-0100", "type": "phone"}]},
    {
        "contacts": [
            {"name": "Jo", "value": "jo@example.test", "type": "email"},
            {"value": "555-0100", "type": "phone"},
        ]
    },
    {"custom_fields": [{"name": "Dust", "value": "1.51"}]},
    {"custom_fields": [{"name": "Dust", "value": "sNaN"}]},
    {"custom_fields": [{"name": "Dust", "value": None}]},
    {"custom_fields": [{"name": "Dust", "value": True}]},
    {"custom_fields": [{"name": "Dust", "hidden": True}]},
    {"custom_fields": [{"uuid": "f-2", "value": {"uuid": "v-2"}}]},
    {"custom_fields": [{"name": "Waits", "value": 1}]},
    {"custom_fields": [{"name": "Due", "value": "soon"}]},
    {"custom_fields": [{"name": "Dusk", "field_type": "input", "value": "1.50"}]},
    {"report_fields": [{"name": "Dust", "value": "1.50"}]},
]


def named(case: Mapping[str, Any]) -> str:
    return next(iter(case))


@pytest.mark.parametrize("wanted", SAME, ids=named)
def test_what_means_the_same_is_left_out(wanted: dict[str, Any]) -> None:
    """However it is written, a value that the job has is not sent."""
    assert diff(job(), **wanted) == {}


@pytest.mark.parametrize("wanted", CHANGED, ids=named)
def test_what_differs_is_kept_as_it_was_given(wanted: dict[str, Any]) -> None:
    """A value that the job has not is returned, the same object as before."""
    changes = diff(job(), **wanted)
    assert changes == wanted
    encode(changes, JobUpdate)


def test_moments_are_compared_to_the_second() -> None:
    """What an account tells more exactly than the API does is the same second too."""
    exact = job(scheduled_at="2026-02-03T09:30:00.250Z")
    assert diff(exact, scheduled_at="2026-02-03T09:30:00Z") == {}


def test_only_the_fields_that_differ_are_kept() -> None:
    """Among several, those that change nothing go."""
    wanted: JobUpdate = {"description": "pump", "scheduled_at": None, "territory": {"uuid": "t-1"}}
    assert diff(job(), **wanted) == {"scheduled_at": None}


def test_where_one_field_differs_all_are_kept_but_those_that_add_again() -> None:
    """Were the API to replace the list, nothing wanted would be lost; nothing is added twice."""
    changes = diff(
        job(),
        custom_fields=[
            {"name": "Dust", "value": "1.50"},
            {"name": "Waits", "value": False},
            {"uuid": "f-2", "required": True},
            {"name": "Dust", "field_type": "input", "value": "1.50"},
        ],
    )
    assert changes == {
        "custom_fields": [
            {"name": "Dust", "value": "1.50"},
            {"name": "Waits", "value": False},
            {"uuid": "f-2", "required": True},
        ]
    }


def test_elements_count_on_those_before_them() -> None:
    """A field that is written twice ends as the second says, though the job has that already."""
    twice = [{"name": "Dust", "value": "2"}, {"name": "Dust", "value": "1.50"}]
    assert diff(job(), custom_fields=twice) == {"custom_fields": twice}  # type: ignore[arg-type]
    new = {"name": "New", "field_type": "input", "value": "x"}
    assert diff(job(), custom_fields=[new, new]) == {"custom_fields": [new]}  # type: ignore[list-item]


def test_a_name_of_two_fields_tells_nothing() -> None:
    """Which of them an update writes is the API's secret, so it is sent."""
    two = job(custom_fields=[{**DUST, "value": "1"}, {**DUST, "uuid": "f-9", "value": "1"}])
    assert diff(two, custom_fields=[{"name": "Dust", "value": "1"}])
    assert diff(two, custom_fields=[{"uuid": "f-9", "value": "1"}]) == {}
    assert diff(two, custom_fields=[{"uuid": "f-9", "name": "Dust", "value": "1"}]) == {}


def test_one_of_several_assignees() -> None:
    """`assignee` would make the worker the only one; beside `assignees` it does nothing."""
    both = [{"uuid": "w-1", "access": "edit"}, {"uuid": "w-2", "access": "view"}]
    shared = job(assignees=both)
    assert diff(shared, assignee={"worker": {"uuid": "w-1"}})
    wanted: JobUpdate = {
        "assignee": {"worker": {"uuid": "w-9"}},
        "assignees": [
            {"worker": {"uuid": "w-2"}, "access": "view"},
            {"worker": {"uuid": "w-1"}, "access": "edit"},
        ],
    }
    assert diff(shared, **wanted) == {}


@pytest.mark.parametrize(
    "place",
    [
        None,
        {"formatted": None, "geolocation": None},
        {"geolocation": {"latitude": None, "longitude": None}},
    ],
)
def test_an_address_of_nothing_is_no_address(place: Any) -> None:
    """Null, absent, and all of it null are alike."""
    site = decode({"uuid": "s", "address": place}, Site)
    assert diff(site, address=None) == diff(site, address={"floor": None}) == {}
    assert diff(site, address={"floor": "2"}) == {"address": {"floor": "2"}}


@pytest.mark.parametrize("missing", sorted(JOB.keys() - {"uuid"}))
def test_what_the_job_does_not_tell_is_kept(missing: str) -> None:
    """A webhook's job has no address and no assignees; empty is not the same as unknown."""
    untold = decode({name: value for name, value in JOB.items() if name != missing}, Job)
    nothing: Any = [] if isinstance(JOB[missing], list) else None
    if missing == "address":
        nothing = {"floor": None}
    elif missing == "assignees":
        nothing = [{"worker": {"uuid": "w-1"}, "access": "edit"}]
    assert diff(untold, **{missing: nothing}) == {missing: nothing}


def test_an_item_of_a_list_tells_a_part() -> None:
    """What a list leaves out, or tells by uuid alone, is kept; the rest is compared."""
    item = decode(
        {
            "uuid": "j",
            "scheduled_at": "2026-02-03T09:30:00Z",
            "assignee": {"worker_uuid": "w-1"},
            "assignees": [{"uuid": "w-1", "access": "edit"}],
            "territory_uuid": "t-1",
            "description": "undocumented here",
        },
        JobItem,
    )
    changes = diff(
        item,
        scheduled_at="2026-02-03T12:30:00+03:00",
        assignee={"worker": {"uuid": "w-1"}},
        description="undocumented here",
        territory={"uuid": "t-1"},
        skills=[],
    )
    assert changes.keys() == {"description", "territory", "skills"}
    assert diff(item, assignee={"team": {"uuid": "w-1"}})


def test_a_record_made_by_hand_tells_what_it_holds() -> None:
    """Without raw JSON, as in a user's own tests, a value that is set counts."""
    by_hand = Job(uuid="j", description="pump")
    assert diff(by_hand, description="pump", territory=None) == {"territory": None}
    assert diff(evolve(job(), description="valve"), description="pump") == {"description": "pump"}


def test_options_of_the_call_pass_through() -> None:
    """They change no record, and are not the record's to compare."""
    options: WriteOptions = {
        "timeout": 5,
        "deadline": None,
        "priority": "background",
        "notify_assignees": False,
        "trigger_webhooks": True,
    }
    assert options.keys() == WriteOptions.__optional_keys__
    assert diff(job(), description="pump", **options) == options


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"descripton": "x"}, "JobUpdate takes no 'descripton'; did you mean 'description'?"),
        ({"external_id": "x"}, "JobUpdate takes no 'external_id'"),
        ({"description": "x" * 15001}, "the API takes at most 15000"),
        ({"contacts": None}, "contacts cannot be null"),
        ({"scheduled_at": datetime(2026, 2, 3)}, "without a time zone"),
        ({"client": {"uuid": "c-1", "external_id": "crm-1"}}, "exactly one of"),
    ],
)
async def test_what_an_update_refuses_is_refused_alike(wanted: dict[str, Any], told: str) -> None:
    """In the same words, though the job may have the value already."""
    with pytest.raises((TypeError, ValueError), match=told) as by_diff:
        diff(job(), **wanted)
    with pytest.raises((TypeError, ValueError)) as by_update:
        await Planado("key").jobs.update("j-1", **wanted)
    assert str(by_diff.value) == str(by_update.value)


def test_other_records_are_refused() -> None:
    """What no update takes has nothing to compare."""
    with pytest.raises(TypeError, match="diff takes a Job, JobItem, Client or Site, not Skill"):
        diff(Skill(uuid="s"), name="Gas")  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("shape", "model"), [(JobUpdate, Job), (ClientUpdate, Client), (SiteUpdate, Site)]
)
def test_every_field_of_an_update_is_one_of_the_record(shape: Any, model: Any) -> None:
    """A field that the model has under another name would be sent for ever."""
    known = {field.name for field in fields(model)}
    assert shape.__optional_keys__ - WriteOptions.__optional_keys__ <= known


# --- Against the emulator -------------------------------------------------------------------------


async def test_a_record_just_updated_needs_no_update(planado: Planado, emulator: Emulator) -> None:
    """A realistic job: after the update nothing is left, and no call is spent."""
    client = await planado.clients.create(
        organization=True, organization_name="Blue Kiln", external_id="crm-1"
    )
    worker = (await planado.users.list().collect())[0]
    uuid = await planado.jobs.create(template={"name": "Boiler service"}, description="?")
    wanted: JobUpdate = {
        "description": "Протечка",
        "scheduled_at": datetime(2026, 2, 3, 12, 30, 15, 123456, tzinfo=MOSCOW),
        "scheduled_duration": timedelta(minutes=75),
        "assignee": {"worker": {"uuid": worker.uuid}},
        "possible_resolutions": [{"name": "Nobody at home"}, {"name": "Done"}],
        "address": {
            "formatted": "Kiln Rd 1",
            "floor": "2",
            "geolocation": {"latitude": 1.5, "longitude": 2.5},
        },
        "contacts": [{"value": "555-0100", "type": "phone"}],
        "client": {"external_id": "crm-1"},
        "territory": {"name": "North"},
        "skills": [{"name": "Plumbing"}, {"name": "Gas"}],
        "custom_fields": [
            {"name": "Gate code", "value": "12#"},
            {"name": "Boiler age", "field_type": "input", "data_type": "integer", "value": 7},
        ],
        "report_fields": [{"name": "Pressure", "required": True}],
    }
    changes = diff(await planado.jobs.get(uuid), **wanted)
    assert changes == wanted
    await planado.jobs.update(uuid, **changes)
    job = await planado.jobs.get(uuid)
    assert job.client is not None
    assert job.client.uuid == client
    before = emulator.counters()["calls"]
    assert diff(job, **wanted) == {}
    await planado.jobs.update(uuid, **diff(job, **wanted))
    assert emulator.counters()["calls"] == before


def maybe(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=strategies)


def by_name(*names: str) -> st.SearchStrategy[dict[str, str]]:
    return st.sampled_from([{"name": name} for name in names])


TEXTS = st.sampled_from(["", "pump", "valve"])
ADDRESSES = maybe(
    formatted=TEXTS,
    floor=st.sampled_from([None, "1", "2"]),
    geolocation=st.sampled_from([{"latitude": each, "longitude": 1} for each in (0.0, 1.5)]),
)
CONTACTS = st.lists(
    st.fixed_dictionaries(
        {"value": st.sampled_from(["1", "2"]), "type": st.sampled_from(["phone", "email"])},
        optional={"name": st.sampled_from([None, "Jo"])},
    ),
    max_size=2,
)
# Every record has the first two; the third is added by whoever writes it first.
FIELDS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"name": st.just("Code")},
            optional={"value": st.sampled_from([None, "1", "2"]), "hidden": st.booleans()},
        ),
        st.fixed_dictionaries(
            {"name": st.just("Waits")},
            optional={"value": st.booleans(), "required": st.booleans()},
        ),
        st.fixed_dictionaries(
            {
                "name": st.just("New"),
                "field_type": st.just("input"),
                "value": st.sampled_from(["1", "2"]),
            }
        ),
    ),
    max_size=3,
    unique_by=lambda element: element["name"],  # a list that contradicts itself is never fulfilled
)
TWO_FIELDS = [{"name": "Code", "field_type": "input"}, {"name": "Waits", "field_type": "checkbox"}]
MOMENTS = st.sampled_from(
    [
        None,
        datetime(2026, 2, 3, 9, 30, tzinfo=UTC),
        datetime(2026, 2, 3, 12, 30, 0, 5, tzinfo=MOSCOW),
        "2026-02-03T09:31:00Z",
    ]
)
PARTS = {"contacts": CONTACTS, "custom_fields": FIELDS}


@frozen
class Account:
    """An emulated account, a client of it, and what its records are drawn from."""

    planado: Planado
    fields: Mapping[str, st.SearchStrategy[dict[str, Any]]]


async def strategies(planado: Planado) -> dict[str, st.SearchStrategy[dict[str, Any]]]:
    """Return, for each group of records, what an update of one may be given."""
    for number in ("1", "2"):
        await planado.clients.create(
            organization=True, organization_name=number, external_id=f"crm-{number}"
        )
    clients = [
        None,
        *({key: getattr(each, key)} for each in await planado.clients.list().collect()
          for key in ("uuid", "external_id")),
    ]  # fmt: skip
    users = [{"worker": {"uuid": each.uuid}} for each in await planado.users.list().collect()][:2]
    teams = [{"team": {"uuid": each.uuid}} for each in await planado.teams.list().collect()][:1]
    skills = await planado.skills.list().collect()
    known = st.sampled_from([{"uuid": skill.uuid} for skill in skills[:2]])
    editors = st.sampled_from([{**each, "access": "edit"} for each in (*users, *teams)])
    one = st.lists(editors, min_size=1, max_size=1)
    two = st.sampled_from(
        [[{**users[0], "access": a}, {**teams[0], "access": b}]
         for a, b in (("edit", "view"), ("view", "edit"))]
    )  # fmt: skip
    return {
        "jobs": maybe(
            description=st.none() | TEXTS,
            scheduled_at=MOMENTS,
            scheduled_duration=st.sampled_from([None, timedelta(hours=1), {"minutes": 60}]),
            assignee=st.sampled_from([None, *users, *teams]),
            assignees=one | two,
            possible_resolutions=st.permutations([{"name": "Done"}, {"name": "Nobody at home"}]),
            address=ADDRESSES,
            client=st.sampled_from(clients),
            territory=st.none() | by_name("North", "South"),
            skills=st.lists(by_name("Gas", "Electrical") | known, max_size=3),
            report_fields=FIELDS,
            **PARTS,
        ),
        "clients": maybe(
            organization_name=st.sampled_from(["Kiln", "Oven"]), site_address=ADDRESSES, **PARTS
        ),
        "sites": maybe(
            name=st.sampled_from(["Kiln", "Oven"]),
            description=st.none() | TEXTS,
            address=st.none() | ADDRESSES,
            client=st.sampled_from(clients),
            **PARTS,
        ),
    }


@contextmanager
def account() -> Iterator[tuple[Account, asyncio.Runner]]:
    """Open an emulated account for all examples of a property."""
    stack = AsyncExitStack()

    async def opened() -> Account:
        emulator = await stack.enter_async_context(Emulator(rate=60_000, burst=10_000))
        client = Planado(emulator.api_key, base_url=emulator.url, rate=None)
        planado = await stack.enter_async_context(client)
        return Account(planado, await strategies(planado))

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        try:
            yield runner.run(opened()), runner
        finally:
            runner.run(stack.aclose())


def content(record: Job | Client | Site) -> dict[str, Any]:
    """Return what a record holds, in a form that does not tell two of the same content apart."""
    told = {name: value for name, value in record.raw.items() if name not in UNIQUE}
    for name in ("custom_fields", "report_fields"):
        told[name] = [{**each, "uuid": None} for each in told.get(name, ())]
    for name in ("skills", "assignees", "possible_resolutions"):
        told[name] = sorted(told.get(name, ()), key=lambda each: str(each["uuid"]))
    for name in ("address", "site_address"):
        told[name] = {
            part: each for part, each in (told.get(name) or {}).items() if each is not None
        }
    return told


UNIQUE = ("uuid", "id", "serial_no", "version", "created_at", "updated_at")
NEEDED: Mapping[str, dict[str, Any]] = {
    "jobs": {"report_fields": TWO_FIELDS},
    "clients": {"organization": True, "organization_name": "Kiln"},
    "sites": {"name": "Kiln"},
}


async def either_way(
    planado: Planado, group: str, first: dict[str, Any], wanted: dict[str, Any]
) -> None:
    """Assert that an update does the same whether it is given all fields or those that differ."""
    resource = getattr(planado, group)
    whole, sparing = [
        await resource.create(**NEEDED[group], custom_fields=TWO_FIELDS) for _ in range(2)
    ]
    for uuid in (whole, sparing):
        await resource.update(uuid, **first)
    before = await resource.get(sparing)
    changes = diff(before, **wanted)
    await resource.update(whole, **wanted)
    await resource.update(sparing, **changes)
    after = await resource.get(sparing)
    assert content(after) == content(await resource.get(whole))
    assert diff(after, **wanted) == {}
    assert bool(changes) == (content(after) != content(before))


@pytest.mark.parametrize("group", sorted(NEEDED))
def test_an_update_of_the_difference_does_all(group: str) -> None:
    """It leaves the record that the full update leaves, and does not touch one that has it all."""
    with account() as (of_it, runner):

        @settings(max_examples=60)
        @given(of_it.fields[group], of_it.fields[group])
        def holds(first: dict[str, Any], wanted: dict[str, Any]) -> None:
            runner.run(either_way(of_it.planado, group, first, wanted))

        holds()
