"""Records found by name: kept for a while, fetched once for everybody, and never guessed."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest

from planado_async import (
    ApiKey,
    BudgetWaitError,
    ConfigurationError,
    DeadlineExceededError,
    LocalLimiter,
    NameLookupError,
    NotFoundError,
    Pages,
    PermissionDeniedError,
    Planado,
    PlanadoError,
    RateLimit,
    RetryPolicy,
    ServerError,
    TryTimeoutError,
)
from planado_async.core.pages import by_cursor
from planado_async.core.transport import Options
from planado_async.emulator import Emulator
from planado_async.emulator.records import Named
from planado_async.planado import Skill
from planado_async.planado.resources.directory import SETTLED, Asker, Kept
from tests.virtual_time import VirtualTimeLoop

T = TypeVar("T")

GAS = Skill(uuid="s-1", name="Gas")
PAGES = 2  # calls that a listing of one page takes: the page, and the empty one that ends it
GROUPS = [
    ("skills", "Gas"),
    ("teams", "Roof team"),
    ("territories", "North"),
    ("resolutions", "Nobody at home"),
    ("templates", "Boiler service"),
    ("dictionaries", "Boiler make"),
    ("job_types", "Repair"),
]


def add_skill(emulator: Emulator, name: str) -> str:
    """Add a skill, as somebody does in the web app, and return its uuid."""
    assert emulator._account is not None
    state = emulator._account.state
    return state.skills.add(Named(uuid=state.ids.new(), name=name)).uuid


def calls(emulator: Emulator) -> int:
    """Return the number of calls answered so far."""
    count: int = emulator.counters()["calls"]
    return count


def find_gas(planado: Planado, **options: Any) -> Coroutine[Any, Any, Any]:
    return planado.skills.find("Gas", **options)


@asynccontextmanager
async def client(emulator: Emulator, **options: Any) -> Any:
    """Open a client without a budget, unless one is given."""
    chosen = {"rate": None, **options}
    async with Planado(emulator.api_key, base_url=emulator.url, **chosen) as planado:
        yield planado


# --- What is found --------------------------------------------------------------------------------


@pytest.mark.parametrize(("group", "name"), GROUPS)
async def test_a_record_is_found_by_its_name(planado: Planado, group: str, name: str) -> None:
    """Every directory answers the record that its list has, a job type by its code."""
    resource = getattr(planado, group)
    found = await resource.find(name)
    assert found in await resource.list().collect()
    assert name in (found.raw.get("name"), found.raw.get("code"))


async def test_an_entry_of_a_pick_list_is_found(planado: Planado, emulator: Emulator) -> None:
    """The lists of two dictionaries are kept apart, each for itself."""
    make = await planado.dictionaries.find("Boiler make")
    delay = await planado.dictionaries.find("Reason for delay")
    before = calls(emulator)
    for _ in range(3):
        korbel = await planado.dictionaries.find_value(make.uuid, "Korbel")
        traffic = await planado.dictionaries.find_value(delay.uuid, "Traffic")
    assert (korbel.name, traffic.name) == ("Korbel", "Traffic")
    assert calls(emulator) - before == 2 * PAGES


async def test_an_entry_of_no_pick_list(planado: Planado) -> None:
    """An id that no dictionary has is told as by any other call."""
    with pytest.raises(NotFoundError):
        await planado.dictionaries.find_value("11111111-1111-6111-8111-111111111111", "x")


@pytest.mark.parametrize(
    ("uuid", "error", "told"),
    [
        ("", ValueError, "'' is no id"),
        (["x"], TypeError, "an id is text, not list"),
        (None, TypeError, "an id is text, not NoneType"),
    ],
)
async def test_what_is_no_id_of_a_pick_list(
    planado: Planado, emulator: Emulator, uuid: Any, error: type[Exception], told: str
) -> None:
    """It is refused in the words of any other call, and costs none."""
    with pytest.raises(error, match=told):
        await planado.dictionaries.find_value(uuid, "x")
    assert calls(emulator) == 0


async def test_wrong_ids_of_pick_lists_leave_nothing_behind(planado: Planado) -> None:
    """However many are asked for, only lists that there are take up memory."""
    make = await planado.dictionaries.find("Boiler make")
    await planado.dictionaries.find_value(make.uuid, "Korbel")
    for number in range(20):
        with pytest.raises(NotFoundError):
            await planado.dictionaries.find_value(f"junk-{number}", "x")
    assert list(planado.dictionaries._values) == [make.uuid]


async def test_a_pick_list_is_kept_though_its_first_fetch_was_given_up(
    planado: Planado, emulator: Emulator
) -> None:
    """Who waited for that fetch makes one, and the next finds its list."""
    make = await planado.dictionaries.find("Boiler make")
    emulator.fault("delay", seconds=10, count=1)
    ask = planado.dictionaries.find_value
    first, second = await begun(ask(make.uuid, "Korbel"), ask(make.uuid, "Korbel"))
    first.cancel()
    await second
    before = calls(emulator)
    await ask(make.uuid, "Korbel")
    assert calls(emulator) == before


async def test_a_long_list_is_read_whole(planado: Planado, emulator: Emulator) -> None:
    """A name on the third page is found."""
    uuids = [add_skill(emulator, f"Skill {number}") for number in range(45)]
    assert (await planado.skills.find("Skill 44")).uuid == uuids[44]


@pytest.mark.parametrize("name", ["gas", "GAS", "  Gas\n"])
async def test_case_and_spaces_are_passed_over(planado: Planado, name: str) -> None:
    """A name is found that differs in nothing else."""
    assert (await planado.skills.find(name)).name == "Gas"


async def test_exactly_this_name_comes_first(planado: Planado, emulator: Emulator) -> None:
    """Two names that differ in case are two names, and a third spelling names neither."""
    uuids = [add_skill(emulator, name) for name in ("Strasse", "STRASSE")]
    assert (await planado.skills.find("Strasse")).uuid == uuids[0]
    assert (await planado.skills.find("STRASSE")).uuid == uuids[1]
    with pytest.raises(NameLookupError, match="belongs to several"):
        await planado.skills.find("straße")


async def test_two_of_the_same_name(planado: Planado, emulator: Emulator) -> None:
    """Neither is taken; the error names both, and what to do."""
    uuids = tuple(add_skill(emulator, "Roofs") for _ in range(2))
    with pytest.raises(NameLookupError, match="use the uuid of the one you mean") as caught:
        await planado.skills.find("Roofs")
    assert caught.value.uuids == uuids
    assert all(uuid in str(caught.value) for uuid in uuids)


@pytest.mark.parametrize(
    ("group", "name", "told"),
    [
        ("skills", "Gaz", "no skill has the name 'Gaz'; did you mean 'Gas'?"),
        ("job_types", "repare", "no job type has the code 'repare'; did you mean 'Repair'?"),
        ("territories", "xyz", "the name 'xyz'; there is 'Centre', 'North', 'South'"),
        ("skills", "", "no skill has the name ''; there is 'Electrical', 'Gas'"),
    ],
)
async def test_a_wrong_name_is_told_with_the_nearest(
    planado: Planado, group: str, name: str, told: str
) -> None:
    """Names spelt alike are offered, or else those there are."""
    with pytest.raises(NameLookupError) as caught:
        await getattr(planado, group).find(name)
    assert told in str(caught.value)
    assert not caught.value.retryable


async def test_the_nearest_names_are_at_hand(planado: Planado) -> None:
    """A bot offers them without reading the message."""
    with pytest.raises(NameLookupError) as caught:
        await planado.territories.find("Sooth")
    assert caught.value.nearest == ("South", "North")


async def test_a_long_list_is_not_told_in_full(planado: Planado, emulator: Emulator) -> None:
    """An error shows ten names and the number of the others."""
    for number in range(20):
        add_skill(emulator, f"Skill {number}")
    with pytest.raises(NameLookupError, match="and 14 more") as caught:
        await planado.skills.find("zzz")
    assert str(caught.value).count("Skill") < 10


@pytest.mark.parametrize("name", [None, 7, b"Gas"])
async def test_a_name_is_text(planado: Planado, emulator: Emulator, name: Any) -> None:
    """Anything else is refused before a call is spent."""
    with pytest.raises(TypeError, match="a name is text"):
        await planado.skills.find(name)
    assert calls(emulator) == 0


async def test_options_are_checked_even_if_no_call_is_needed(planado: Planado) -> None:
    """A slip does not wait for the list to grow old; `after` would cut the list short."""
    await find_gas(planado)
    for slip in ({"after": "x"}, {"notify_assignees": False}, {"deadlin": 3}):
        with pytest.raises(TypeError, match="CallOptions takes no"):
            await find_gas(planado, **slip)


# --- How long a list is kept ----------------------------------------------------------------------


async def test_a_list_is_kept_for_its_time(emulator: Emulator) -> None:
    """Within `directory_ttl` nothing is asked; after it the list is fetched again."""
    async with client(emulator, directory_ttl=60.0) as planado:
        await find_gas(planado)
        await asyncio.sleep(59)
        await planado.skills.find("Electrical")
        assert calls(emulator) == PAGES
        await asyncio.sleep(2)
        await find_gas(planado)
        assert calls(emulator) == 2 * PAGES


async def test_a_list_is_kept_for_five_minutes_by_default(
    planado: Planado, emulator: Emulator
) -> None:
    """That is what a client does that was told nothing."""
    await find_gas(planado)
    await asyncio.sleep(299)
    await find_gas(planado)
    assert calls(emulator) == PAGES
    await asyncio.sleep(2)
    await find_gas(planado)
    assert calls(emulator) == 2 * PAGES


@pytest.mark.parametrize("ttl", [0, -1.0])
async def test_without_a_time_to_live_it_always_asks(emulator: Emulator, ttl: float) -> None:
    """Each look-up fetches once, even one that finds nothing."""
    async with client(emulator, directory_ttl=ttl) as planado:
        for _ in range(3):
            await find_gas(planado)
        assert calls(emulator) == 3 * PAGES
        with pytest.raises(NameLookupError):
            await planado.skills.find("Roofs")
        assert calls(emulator) == 4 * PAGES


def test_a_time_to_live_is_a_number() -> None:
    """A slip in the set-up is told at once."""
    with pytest.raises(ConfigurationError, match="directory_ttl= takes seconds"):
        Planado("key", directory_ttl="5 min")  # type: ignore[arg-type]


async def test_a_missing_name_asks_once_more(planado: Planado, emulator: Emulator) -> None:
    """What was added meanwhile is found; what is still missing is told."""
    await find_gas(planado)
    uuid = add_skill(emulator, "Roofs")
    await asyncio.sleep(SETTLED)
    assert (await planado.skills.find("Roofs")).uuid == uuid
    assert calls(emulator) == 2 * PAGES
    await asyncio.sleep(SETTLED)
    with pytest.raises(NameLookupError):
        await planado.skills.find("Walls")
    assert calls(emulator) == 3 * PAGES


async def test_a_flood_of_wrong_names_asks_once(planado: Planado, emulator: Emulator) -> None:
    """A list fetched within the last seconds is not fetched again for a name it lacks."""
    await find_gas(planado)
    await asyncio.sleep(SETTLED)
    wrong = [planado.skills.find(f"Wrong {number}") for number in range(50)]
    ended = await asyncio.gather(*wrong, return_exceptions=True)
    assert {type(each) for each in ended} == {NameLookupError}
    for number in range(50):
        with pytest.raises(NameLookupError):
            await planado.skills.find(f"Wrong again {number}")
    assert calls(emulator) == 2 * PAGES


async def test_names_that_came_to_be_told_apart(planado: Planado, emulator: Emulator) -> None:
    """Two of one name ask once more as well, because one may have got another name."""
    assert emulator._account is not None
    skills = emulator._account.state.skills
    kept, renamed = add_skill(emulator, "Roofs"), add_skill(emulator, "Roofs")
    with pytest.raises(NameLookupError):
        await planado.skills.find("Roofs")
    skills.replace(Named(uuid=renamed, name="Flat roofs"))
    await asyncio.sleep(SETTLED)
    assert (await planado.skills.find("Roofs")).uuid == kept


async def test_clients_of_with_options_share_the_lists(
    planado: Planado, emulator: Emulator
) -> None:
    """What one has fetched, the others know, whichever asked first."""
    quick = planado.with_options(priority="interactive", deadline=3.0)
    await find_gas(quick)
    await find_gas(planado)
    await find_gas(planado.with_options(timeout=1.0))
    make = await planado.dictionaries.find("Boiler make")
    await planado.dictionaries.find_value(make.uuid, "Korbel")
    before = calls(emulator)
    await quick.dictionaries.find_value(make.uuid, "Korbel")
    assert calls(emulator) == before == 3 * PAGES


# --- Many callers at once -------------------------------------------------------------------------


async def test_many_callers_fetch_once(planado: Planado, emulator: Emulator) -> None:
    """Fifty who ask before there is a list wait for one and the same."""
    found = await asyncio.gather(*(find_gas(planado) for _ in range(50)))
    assert {each.name for each in found} == {"Gas"}
    assert calls(emulator) == PAGES


async def begun(*asking: Coroutine[Any, Any, T]) -> "list[asyncio.Task[T]]":
    """Begin to ask, one after another, and let the first call go out."""
    tasks = [asyncio.create_task(each) for each in asking]
    await asyncio.sleep(0.5)
    return tasks


async def test_cancelling_the_one_who_fetches_cancels_nobody_else(
    planado: Planado, emulator: Emulator
) -> None:
    """The next in line fetches, and only that one."""
    emulator.fault("delay", seconds=10, count=1)
    first, *others = await begun(*(find_gas(planado) for _ in range(10)))
    first.cancel()
    assert {each.name for each in await asyncio.gather(*others)} == {"Gas"}
    assert first.cancelled()
    assert calls(emulator) <= 1 + PAGES


async def test_cancelling_one_who_waits_cancels_nobody_else(
    planado: Planado, emulator: Emulator
) -> None:
    """The fetch goes on for the others."""
    emulator.fault("delay", seconds=10, count=1)
    first, second, third = await begun(*(find_gas(planado) for _ in range(3)))
    second.cancel()
    assert (await first).name == (await third).name == "Gas"
    assert second.cancelled()
    assert calls(emulator) == PAGES


async def test_a_deadline_is_ones_own(planado: Planado, emulator: Emulator) -> None:
    """Whoever runs out of time does so alone, whether fetching or waiting."""
    emulator.fault("delay", seconds=10, count=1)
    loop = asyncio.get_running_loop()
    began = loop.time()
    hasty, patient, waiting = await begun(
        find_gas(planado, deadline=2.0), find_gas(planado), find_gas(planado, deadline=1.0)
    )
    with pytest.raises(DeadlineExceededError, match=r"1\.0 s"):
        await waiting
    assert loop.time() - began == pytest.approx(1.0, abs=0.1)
    with pytest.raises(DeadlineExceededError, match=r"2\.0 s"):
        await hasty
    assert loop.time() - began == pytest.approx(2.0, abs=0.1)
    assert (await patient).name == "Gas"


async def test_a_deadline_holds_for_the_whole_look_up(planado: Planado, emulator: Emulator) -> None:
    """Neither the second page nor a fetch after a wait begins it anew."""
    emulator.fault("delay", seconds=2, count=None)
    began = asyncio.get_running_loop().time()
    with pytest.raises(DeadlineExceededError):
        await find_gas(planado, deadline=3.0)
    assert asyncio.get_running_loop().time() - began == pytest.approx(3.0, abs=0.1)


async def test_what_is_kept_needs_no_time(planado: Planado) -> None:
    """A deadline that has passed stops a call, not a look into the list."""
    with pytest.raises(DeadlineExceededError, match="nothing was sent"):
        await find_gas(planado, deadline=0.0)
    await find_gas(planado)
    assert (await find_gas(planado, deadline=0.0)).name == "Gas"


async def test_a_budget_that_is_spent_fails_only_the_hasty(emulator: Emulator) -> None:
    """A deadline that the budget cannot meet is told to its owner at once; the others wait."""
    async with client(emulator, rate=RateLimit(60, burst=1)) as planado:
        hasty, patient = await begun(find_gas(planado, deadline=0.9), find_gas(planado))
        with pytest.raises(BudgetWaitError):  # for the second page; the first was free
            await hasty
        assert (await patient).name == "Gas"


async def test_who_has_waited_has_less_time_left(emulator: Emulator) -> None:
    """The time spent waiting for another's fetch counts when the budget is asked."""
    async with client(emulator, rate=RateLimit(20, burst=1)) as planado:
        emulator.fault("delay", seconds=10, count=1)
        first, second = await begun(find_gas(planado), find_gas(planado, deadline=2.0))
        first.cancel()
        with pytest.raises(BudgetWaitError, match=r"in 2\.5 s, its deadline is in 1\.5 s"):
            await second


async def test_a_short_timeout_fails_only_its_owner(emulator: Emulator) -> None:
    """A try that is given more time may well be answered."""
    async with client(emulator, retries=RetryPolicy(attempts=1)) as planado:
        emulator.fault("delay", seconds=5, count=None)
        first, same, patient = await begun(
            find_gas(planado, timeout=2.0), find_gas(planado, timeout=2.0), find_gas(planado)
        )
        with pytest.raises(TryTimeoutError):
            await first
        await asyncio.sleep(0)
        assert isinstance(same.exception(), TryTimeoutError)  # without a try of its own
        assert (await patient).name == "Gas"


async def test_nobody_waits_for_a_lower_priority(emulator: Emulator) -> None:
    """An interactive look-up overtakes a fetch that stands in the background queue."""
    async with client(emulator, rate=RateLimit(6, burst=1)) as planado:
        later = planado.with_options(priority="background")
        await planado.jobs.create()
        queue = [asyncio.ensure_future(planado.jobs.create()) for _ in range(10)]
        slow, slower, quick = await begun(
            find_gas(later), find_gas(later), find_gas(planado, priority="interactive")
        )
        assert (await quick).name == "Gas"
        assert not slow.done()
        assert not slower.done()
        assert sum(each.done() for each in queue) <= 3
        assert (await slow).name == (await slower).name == "Gas"
        await asyncio.gather(*queue)
    assert calls(emulator) == 2 * PAGES + 1 + len(queue)


async def test_a_higher_priority_is_good_enough_for_all(emulator: Emulator) -> None:
    """Those of a lower priority wait for it in place of a fetch of their own."""
    async with client(emulator) as planado:
        found = await begun(
            *(find_gas(planado, priority=each) for each in ("interactive", "normal", "background"))
        )
        await asyncio.gather(*found)
    assert calls(emulator) == PAGES


# --- Failures -------------------------------------------------------------------------------------


async def test_a_failure_is_everybodys_and_not_kept(emulator: Emulator) -> None:
    """All who waited are told after one call; whoever asks next fetches."""
    async with client(emulator) as planado:
        emulator.fault("status", status=403, count=1)  # a second call would be answered
        ended = await asyncio.gather(
            *(find_gas(planado) for _ in range(10)), return_exceptions=True
        )
        assert [type(each) for each in ended] == [PermissionDeniedError] * 10
        assert (await find_gas(planado)).name == "Gas"


async def test_each_caller_has_an_error_of_its_own(emulator: Emulator) -> None:
    """A note that one adds is not found in another's error, and all say the same."""
    async with client(emulator) as planado:
        emulator.fault("status", status=403, body='{"message": "closed"}', count=1)
        report = await planado.bulk(lambda _: find_gas(planado), range(3), key=str)
    errors = [error for _, error in report.failed]
    items = [[note for note in error.__notes__ if "item" in note] for error in errors]
    assert sorted(items) == [["item: 0"], ["item: 1"], ["item: 2"]]
    assert {str(error) for error in errors} == {"403: closed"}
    assert {getattr(error, "status", None) for error in errors} == {403}


async def test_a_list_that_breaks_off_is_not_taken_for_whole(
    planado: Planado, emulator: Emulator
) -> None:
    """A failure on the second page is the look-up's, and the first page is not kept."""
    for number in range(30):
        add_skill(emulator, f"Skill {number}")
    emulator.fault("delay", seconds=0, count=1)  # strikes the first page, and does nothing
    emulator.fault("status", status=403, count=1)
    with pytest.raises(PermissionDeniedError):
        await find_gas(planado)
    with pytest.raises(NameLookupError):
        await planado.skills.find("Skill 99")
    assert (await planado.skills.find("Skill 29")).name == "Skill 29"


async def test_an_old_list_is_not_used_when_the_fetch_fails(emulator: Emulator) -> None:
    """Neither are names that it no longer vouches for."""
    async with client(emulator, directory_ttl=10.0) as planado:
        await find_gas(planado)
        await asyncio.sleep(11)
        emulator.fault("status", status=503, count=None)
        with pytest.raises(ServerError):
            await find_gas(planado)


@pytest.mark.parametrize("error", [LookupError, TimeoutError])
async def test_an_error_of_the_users_own_is_not_passed_on(
    emulator: Emulator, error: type[Exception]
) -> None:
    """What their way to sign in raises reaches the caller it was for, and the next one fetches."""

    class SignIn(ApiKey):
        failed = False

        async def headers(self) -> Mapping[str, str]:
            if not self.failed:
                self.failed = True
                raise error
            return await super().headers()

    signing_in = SignIn(emulator.api_key)
    async with Planado(auth=signing_in, base_url=emulator.url, rate=None) as planado:
        first, second = await begun(find_gas(planado), find_gas(planado))
        with pytest.raises(error):
            await first
        assert (await second).name == "Gas"


async def test_an_old_list_is_not_used_when_the_fetch_is_given_up(emulator: Emulator) -> None:
    """Who waited for it fetches, though the list of before has the name."""
    async with client(emulator, directory_ttl=10.0) as planado:
        await find_gas(planado)
        await asyncio.sleep(11)
        emulator.fault("delay", seconds=10, count=1)
        first, second = await begun(find_gas(planado), find_gas(planado))
        before = calls(emulator)
        first.cancel()
        await second
        assert calls(emulator) >= before + PAGES


async def test_a_fetch_that_was_overtaken_ends_nobody_elses(emulator: Emulator) -> None:
    """When it has ended, the fetch that overtook it is still the one to wait for."""
    async with client(emulator, directory_ttl=0) as planado:
        emulator.fault("delay", seconds=10, count=1)
        emulator.fault("delay", seconds=30, count=1)
        slow = find_gas(planado, priority="background")
        (slow_task,) = await begun(slow)
        (quick_task,) = await begun(find_gas(planado, priority="interactive"))
        await slow_task
        await find_gas(planado, priority="interactive")
        await quick_task
    assert calls(emulator) == 2 * PAGES


@pytest.mark.parametrize("seconds", [1.0, 20.0])
async def test_the_list_asked_for_last_is_kept(seconds: float) -> None:
    """A name that a later fetch has found stays found, whichever of the two ends last."""
    new = Skill(uuid="s-2", name="New")
    answers = [(10.0, [GAS]), (seconds, [GAS, new])]

    def listed(**options: Any) -> Pages[Skill]:
        wait, skills = answers.pop(0)

        async def fetch(cursor: str | None) -> list[Skill]:
            await asyncio.sleep(0 if cursor else wait)
            return [] if cursor else skills

        return by_cursor(fetch, lambda skill: skill.uuid)

    def asker(priority: Any) -> Asker[Skill]:
        return Asker(listed=listed, options=Options(priority=priority), keep_for=300.0)

    kept: Kept[Skill] = Kept("skill")
    (slow,) = await begun(kept.find("Gas", asker("background")))
    assert await kept.find("New", asker("interactive")) is new
    assert await slow is GAS
    assert await kept.find("New", asker("normal")) is new


@pytest.mark.parametrize("error", [DeadlineExceededError("late"), BudgetWaitError("late", eta=9.0)])
async def test_anothers_lack_of_time_is_no_failure(error: PlanadoError) -> None:
    """However a fetch tells that its caller has no more time, the next one fetches."""
    failures = [error]

    async def fetch(cursor: str | None) -> list[Skill]:
        await asyncio.sleep(1)
        if failures:
            raise failures.pop()
        return [] if cursor else [GAS]

    def listed(**options: Any) -> Pages[Skill]:
        return by_cursor(fetch, lambda skill: skill.uuid)

    kept: Kept[Skill] = Kept("skill")
    asker = Asker(listed=listed, options=Options(), keep_for=300.0)
    first, second = await begun(kept.find("Gas", asker), kept.find("Gas", asker))
    with pytest.raises(type(error)):
        await first
    assert await second is GAS


# --- Event loops ----------------------------------------------------------------------------------


def in_a_loop(work: Callable[[Emulator], Awaitable[None]]) -> None:
    """Run with an emulator in an event loop of its own, whose clock begins anew."""

    async def with_emulator() -> None:
        async with Emulator() as emulator:
            await work(emulator)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(with_emulator())


def test_a_list_outlives_its_event_loop() -> None:
    """A client of a module knows in the next `asyncio.run` what it learned in the last."""
    planado: list[Planado] = []

    async def first(emulator: Emulator) -> None:
        planado.append(Planado(emulator.api_key, base_url=emulator.url))
        async with planado[0]:
            await asyncio.sleep(50)
            await find_gas(planado[0])

    async def second(emulator: Emulator) -> None:
        assert (await find_gas(planado[0])).name == "Gas"
        await asyncio.sleep(301)
        with pytest.raises(ConfigurationError):  # the client is not open here, so it did ask
            await find_gas(planado[0])

    in_a_loop(first)
    in_a_loop(second)


class Stuck(LocalLimiter):
    """A budget that keeps the first call waiting for ever, and tells of the second."""

    asked = 0

    async def acquire(self, *arguments: Any, **options: Any) -> Any:
        self.asked += 1
        if self.asked == 2:
            raise ConfigurationError("the second call")
        await asyncio.Event().wait()


def test_a_fetch_that_its_loop_never_ended_holds_nobody_up() -> None:
    """One left behind by a loop that was stopped is not waited for in the next."""
    planado = Planado("key", limiter=Stuck())
    loop = VirtualTimeLoop()

    async def begin() -> "list[asyncio.Task[Any]]":
        await planado.__aenter__()
        return await begun(find_gas(planado))

    async def ask() -> None:
        with pytest.raises(ConfigurationError, match="the second call"):
            await find_gas(planado, deadline=5.0)

    (left,) = loop.run_until_complete(begin())
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(ask())
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        loop.run_until_complete(left)
    loop.run_until_complete(planado.__aexit__(None, None, None))
    loop.close()
