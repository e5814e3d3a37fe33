"""The client itself: how it is set up, its options, its session and budget."""

import asyncio
import pickle
from typing import Any

import aiohttp
import pytest

from planado_async import (
    ApiKey,
    AuthenticationError,
    ConfigurationError,
    LocalLimiter,
    NotFoundError,
    OutcomeUnknownError,
    Planado,
    RateLimit,
    RetryPolicy,
    TryTimeoutError,
    UnexpectedResponseError,
)
from planado_async.planado import DEFAULT_URL
from tests.core.wire import FAILED, KEY, REFUSED, Answer, Wire

JOB = Answer(body=b'{"job": {"uuid": "u"}, "job_uuid": "u"}')
NOTIFY, TRIGGER = "X-Planado-Notify-Assignees", "X-Planado-Trigger-Webhooks"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PLANADO_API_KEY", "PLANADO_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("given", [{}, {"api_key": None}, {"api_key": ""}])
def test_without_a_key_it_says_what_to_set(given: dict[str, Any]) -> None:
    """The argument and the variable are both named."""
    with pytest.raises(ConfigurationError, match="pass api_key= or set PLANADO_API_KEY"):
        Planado(**given)


def test_an_empty_key_in_the_environment_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing is told like one that is not set."""
    monkeypatch.setenv("PLANADO_API_KEY", "")
    with pytest.raises(ConfigurationError, match="PLANADO_API_KEY"):
        Planado()


async def test_key_and_url_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without arguments the two variables are used."""
    async with Wire(JOB) as wire:
        monkeypatch.setenv("PLANADO_API_KEY", KEY)
        monkeypatch.setenv("PLANADO_BASE_URL", wire.url)
        async with Planado() as planado:
            await planado.jobs.get("u")
    assert wire.asked[0].headers["X-Planado-API-Key"] == KEY


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is passed counts."""
    monkeypatch.setenv("PLANADO_BASE_URL", "http://nowhere.test/v2")
    assert repr(Planado("k", base_url=DEFAULT_URL)) == f"<Planado at {DEFAULT_URL}>"


def test_the_default_is_planados_own_address() -> None:
    """Nothing but a key is needed."""
    assert repr(Planado("k")) == "<Planado at https://api.planadoapp.com/v2>"


def test_a_url_that_would_show_the_key_is_refused() -> None:
    """Plain http leaves this machine only by mistake."""
    with pytest.raises(ConfigurationError, match=r"base_url \(PLANADO_BASE_URL\)"):
        Planado("k", base_url="http://api.planadoapp.com/v2")


async def test_a_wrong_key_names_the_variable(emulator: Any) -> None:
    """The error tells what to check, and never the key."""
    async with Planado("wrong-key", base_url=emulator.url) as planado:
        with pytest.raises(AuthenticationError, match="PLANADO_API_KEY") as caught:
            await planado.jobs.get("x")
    assert "wrong-key" not in str(caught.value)


@pytest.mark.parametrize("header", ["X-Planado-API-Key", "Authorization", "X-Planado-Api-Token"])
async def test_each_form_of_the_header_opens_the_door(emulator: Any, header: Any) -> None:
    """All three are understood over there."""
    auth = ApiKey(emulator.api_key, header)
    async with Planado(auth=auth, base_url=emulator.url) as planado:
        assert await planado.skills.list().collect()


def test_nothing_of_a_client_shows_the_key() -> None:
    """Neither repr nor what is inside; pickling it is refused."""
    planado = Planado(KEY)
    assert KEY not in f"{planado!r} {vars(planado)!r} {vars(planado._transport)!r}"
    with pytest.raises(TypeError):
        pickle.dumps(planado._transport._auth)


# --- Options --------------------------------------------------------------------------------------


async def switches_sent(planado: Planado, wire: Wire, **of_call: Any) -> dict[str, str]:
    """Return the switches that a write sends, having checked that a read sends none."""
    await planado.jobs.create(**of_call)
    await planado.jobs.get("u")
    write, read = (
        {name: each.headers[name] for name in (NOTIFY, TRIGGER) if name in each.headers}
        for each in wire.asked[-2:]
    )
    assert read == {}
    return write


@pytest.mark.parametrize(
    ("of_client", "of_with_options", "of_call", "sent"),
    [
        ({}, {}, {}, {}),
        ({"notify_assignees": False}, {}, {}, {NOTIFY: "false"}),
        ({"trigger_webhooks": True}, {}, {}, {TRIGGER: "true"}),
        ({}, {"notify_assignees": False}, {}, {NOTIFY: "false"}),
        (
            {},
            {},
            {"notify_assignees": False, "trigger_webhooks": True},
            {NOTIFY: "false", TRIGGER: "true"},
        ),
        ({"notify_assignees": False}, {}, {"notify_assignees": True}, {NOTIFY: "true"}),
        ({"notify_assignees": False}, {"notify_assignees": None}, {}, {}),
        (
            {"notify_assignees": False},
            {"trigger_webhooks": True},
            {},
            {NOTIFY: "false", TRIGGER: "true"},
        ),
        ({"notify_assignees": False}, {}, {"notify_assignees": None}, {}),
    ],
)
async def test_switches_of_client_and_call(
    of_client: dict[str, Any],
    of_with_options: dict[str, Any],
    of_call: dict[str, Any],
    sent: dict[str, str],
) -> None:
    """The call's own word counts most, then with_options, then the client's; reads send none."""
    async with Wire(JOB) as wire, Planado(KEY, base_url=wire.url, **of_client) as planado:
        other = planado.with_options(**of_with_options)
        assert await switches_sent(other, wire, **of_call) == sent


async def test_a_search_is_no_write() -> None:
    """The search for users is a POST that changes nothing, so it sends no switches."""
    found = Answer(body=b'{"users": []}')
    async with Wire(found) as wire, Planado(KEY, base_url=wire.url, notify_assignees=False) as all_:
        await all_.users.search_nearby(latitude=1, longitude=2, radius_m=3).collect()
    assert NOTIFY not in wire.asked[0].headers


@pytest.mark.parametrize("level", ["client", "with_options", "call"])
async def test_a_timeout_can_be_set_at_every_level(level: str) -> None:
    """One try takes no longer than was said."""
    given: dict[str, Any] = {"timeout": 2.0}
    once = RetryPolicy(attempts=1)
    async with (
        Wire(Answer(after=60.0)) as wire,
        Planado(
            KEY, base_url=wire.url, retries=once, **(given if level == "client" else {})
        ) as planado,
    ):
        used = planado.with_options(**given) if level == "with_options" else planado
        began = asyncio.get_running_loop().time()
        with pytest.raises(TryTimeoutError, match=r"within 2\.0 s"):
            await used.jobs.get("u", **(given if level == "call" else {}))
        assert asyncio.get_running_loop().time() - began == pytest.approx(2.0, abs=0.1)


async def test_with_options_shares_session_and_budget() -> None:
    """The other client pays from the same bucket and goes through the same connection."""
    async with Wire(JOB) as wire, Planado(KEY, base_url=wire.url) as planado:
        quick = planado.with_options(deadline=3.0, priority="interactive")
        await quick.jobs.get("u")
        await planado.jobs.get("u")
        assert quick.budget.level == planado.budget.level == pytest.approx(2, abs=0.1)
        assert quick._transport is planado._transport
    with pytest.raises(ConfigurationError, match="not open"):
        await quick.jobs.get("u")


def test_with_options_leaves_the_first_as_it_is() -> None:
    """Options are of the new client only, and may be changed again."""
    planado = Planado(KEY)
    quick = planado.with_options(deadline=3.0).with_options(priority="background")
    assert (planado._options.deadline, planado._options.priority) == (None, "normal")
    assert (quick._options.deadline, quick._options.priority) == (3.0, "background")


def test_with_options_refuses_what_is_no_option() -> None:
    """A slip is told the nearest option."""
    with pytest.raises(TypeError, match="takes no 'dedline'; did you mean 'deadline'"):
        Planado(KEY).with_options(dedline=3.0)  # type: ignore[call-arg]


# --- Session, budget, retries ---------------------------------------------------------------------


async def test_a_session_passed_in_stays_open() -> None:
    """It belongs to the caller."""
    async with Wire(JOB) as wire, aiohttp.ClientSession() as session:
        async with Planado(KEY, base_url=wire.url, session=session) as planado:
            await planado.jobs.get("u")
        assert not session.closed


async def test_a_client_can_be_opened_again() -> None:
    """After closing it, another `async with` makes a new session."""
    async with Wire(JOB) as wire:
        planado = Planado(KEY, base_url=wire.url)
        for _ in range(2):
            async with planado:
                await planado.jobs.get("u")
            with pytest.raises(ConfigurationError, match="not open"):
                await planado.jobs.get("u")


async def test_a_limiter_can_be_shared_by_clients() -> None:
    """Two clients pay from one bucket."""
    limiter = LocalLimiter(RateLimit(60, per=60.0, burst=5))
    async with (
        Wire(JOB) as wire,
        Planado(KEY, base_url=wire.url, limiter=limiter) as one,
        Planado(KEY, base_url=wire.url, limiter=limiter) as other,
    ):
        await one.jobs.get("u")
        await other.jobs.get("u")
    assert one.budget.level == other.budget.level == pytest.approx(2, abs=0.1)


async def test_the_observers_are_told() -> None:
    """Waits and repeats reach the callbacks."""
    waits, repeats = list[float](), list[Any]()
    async with (
        Wire(FAILED, REFUSED, JOB) as wire,
        Planado(KEY, base_url=wire.url, on_wait=waits.append, on_retry=repeats.append) as planado,
    ):
        await planado.jobs.get("u")
    assert [type(each.error).__name__ for each in repeats] == ["ServerError", "RateLimitError"]
    assert len(waits) == 1
    assert planado.budget.refusals == 1


async def test_bulk_keeps_every_outcome() -> None:
    """Failures stand beside their items and the rest goes on."""
    gone = Answer(status=404)
    async with (
        Wire(JOB, gone, JOB) as wire,
        Planado(KEY, base_url=wire.url, in_flight=1) as planado,
    ):
        report = await planado.bulk(planado.jobs.get, ["a", "b", "c"], key=str, concurrency=1)
    assert [item for item, _ in report.ok] == ["a", "c"]
    ((item, error),) = report.failed
    assert (item, type(error)) == ("b", NotFoundError)
    assert "item: b" in error.__notes__


async def test_a_removal_whose_answer_was_lost_has_succeeded() -> None:
    """The repeat finds nothing because the first try removed it."""
    async with (
        Wire(Answer(cut=True), Answer(status=404)) as wire,
        Planado(KEY, base_url=wire.url) as planado,
    ):
        await planado.jobs.delete("u")
        assert wire.methods == ["DELETE", "DELETE"]
        with pytest.raises(NotFoundError):
            await planado.jobs.delete("u")


@pytest.mark.parametrize(
    ("fields", "calls"),
    [
        ({"description": "x"}, 2),
        ({"custom_fields": [{"name": "Gate code", "value": "1"}]}, 2),
        ({"custom_fields": [{"name": "Gate code", "field_type": "input"}]}, 1),
        ({"report_fields": [{"name": "Photos", "field_type": "image"}]}, 1),
    ],
)
async def test_an_update_that_adds_a_field_is_written_once(
    fields: dict[str, Any], calls: int
) -> None:
    """Plain fields may be sent again; a field added twice would be there twice."""
    async with (
        Wire(Answer(cut=True), JOB) as wire,
        Planado(KEY, base_url=wire.url) as planado,
    ):
        try:
            await planado.jobs.update("u", **fields)
        except OutcomeUnknownError:
            assert calls == 1
    assert len(wire.asked) == calls


@pytest.mark.parametrize("body", [b"", b"[]", b'{"sites": []}', b'{"job": []}', b"{}"])
@pytest.mark.parametrize(
    "call",
    [
        lambda planado: planado.jobs.get("u"),
        lambda planado: planado.sites.get("u"),
        lambda planado: planado.jobs.list().collect(),
        lambda planado: planado.clients.upsert("crm-1", first_name="Jo"),
        lambda planado: planado.users.search_nearby(latitude=1, longitude=2, radius_m=3).collect(),
    ],
)
async def test_an_answer_of_another_shape_is_an_error(call: Any, body: bytes) -> None:
    """Never a shorter list, never None in place of a record."""
    async with Wire(Answer(body=body)) as wire, Planado(KEY, base_url=wire.url) as planado:
        with pytest.raises(UnexpectedResponseError, match="the answer has no '") as caught:
            await call(planado)
    assert caught.value.attempts == 1
    assert caught.value.__notes__


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"job_uuid": 7}', b"<html>"])
async def test_a_create_without_a_usable_answer_may_have_happened(body: bytes) -> None:
    """A 2xx that does not name the new record leaves open whether there is one."""
    async with Wire(Answer(body=body)) as wire, Planado(KEY, base_url=wire.url) as planado:
        with pytest.raises(OutcomeUnknownError, match="look the record up") as caught:
            await planado.jobs.create(description="pump")
    assert isinstance(caught.value.__cause__, UnexpectedResponseError)
    assert caught.value.sent == {"description": "pump"}


@pytest.mark.parametrize("path", ["jobs", "/jobs?x=1", "/../v1", "/наряды", "//evil.test/"])
async def test_a_bare_request_stays_below_the_api(path: str) -> None:
    """A path that leads elsewhere is refused before anything is sent."""
    async with Wire(JOB) as wire, Planado(KEY, base_url=wire.url) as planado:
        with pytest.raises(ValueError, match=r"is no path|must be quoted"):
            await planado.request("GET", path)
    assert wire.asked == []


@pytest.mark.parametrize(
    ("method", "calls"), [("GET", 2), ("POST", 1), ("patch", 1), ("DELETE", 1)]
)
async def test_a_bare_request_is_repeated_only_if_it_reads(method: str, calls: int) -> None:
    """Nobody knows what another method does."""
    async with Wire(FAILED, JOB) as wire, Planado(KEY, base_url=wire.url) as planado:
        try:
            await planado.request(method, "/something/new", body={"a": 1})
        except OutcomeUnknownError:
            assert calls == 1
    assert wire.methods == [method.upper()] * calls


# --- Being set up wrong ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "told"),
    [
        ({"auth": ApiKey("k")}, ConfigurationError, "either api_key= or auth="),
        ({"rate": 60}, ConfigurationError, "takes a RateLimit"),
        ({"base_url": "https://api.example.test"}, ConfigurationError, "must end in /v2"),
        ({"timeout": 0}, ValueError, "timeout is 0; it takes more than 0"),
        ({"timeout": "3"}, TypeError, "timeout takes a number"),
        ({"deadline": "3"}, TypeError, "deadline takes a number"),
        ({"notify_assignees": "no"}, TypeError, "notify_assignees takes True or False"),
    ],
)
def test_a_slip_in_setting_up_is_told_at_once(
    given: dict[str, Any], kind: type[Exception], told: str
) -> None:
    """Not at the first call, hours later."""
    with pytest.raises(kind, match=told):
        Planado("k", **given)


@pytest.mark.parametrize("key", [b"k", 7, "", " k", "k\n", "ключ"])
def test_what_is_no_key_is_told_at_once(key: Any) -> None:
    """A key is text that can stand in a header as it is."""
    with pytest.raises(ConfigurationError, match="copy it from Planado"):
        Planado(key)


async def test_leaving_a_client_made_by_with_options_leaves_its_maker_open() -> None:
    """Its `async with` is harmless, and attributes of a subclass come along."""

    class Own(Planado):
        tag = ""

    async with Wire(JOB, JOB) as wire, Own(KEY, base_url=wire.url) as planado:
        planado.tag = "mine"
        async with planado.with_options(deadline=9.0) as quick:
            await quick.jobs.get("u")
            assert isinstance(quick, Own)
            assert quick.tag == "mine"
        await planado.jobs.get("u")


async def test_the_last_to_leave_closes() -> None:
    """Several may open one client; it is closed for none before all have left."""
    async with Wire(JOB) as wire:
        planado = Planado(KEY, base_url=wire.url)
        async with planado:
            async with planado:
                await planado.jobs.get("u")
            await planado.jobs.get("u")
        with pytest.raises(ConfigurationError, match="not open"):
            await planado.jobs.get("u")


class Empty(LocalLimiter):
    """A limiter that is false."""

    def __len__(self) -> int:
        return 0


async def test_a_limiter_that_is_false_is_used() -> None:
    """What was given counts, whatever it looks like."""
    limiter = Empty(RateLimit(60, per=60.0, burst=7))
    async with Wire(JOB) as wire, Planado(KEY, base_url=wire.url, limiter=limiter) as planado:
        await planado.jobs.get("u")
        assert planado.budget.burst == 7


async def test_a_client_may_have_a_priority() -> None:
    """It is that of all its calls, unless they say otherwise."""
    asked: list[Any] = []

    class Noting(LocalLimiter):
        async def acquire(self, priority: Any = "normal", **how: Any) -> Any:
            asked.append(priority)
            return await super().acquire(priority, **how)

    async with (
        Wire(JOB) as wire,
        Planado(KEY, base_url=wire.url, limiter=Noting(), priority="background") as planado,
    ):
        await planado.jobs.get("u")
        await planado.jobs.get("u", priority="interactive")
    assert asked == ["background", "interactive"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"retries": 3}, "RetryPolicy"),
        ({"limiter": "budget.db"}, "SqliteLimiter"),
        ({"priority": "urgent"}, "priority"),
    ],
)
def test_settings_of_another_kind_are_refused(given: dict[str, Any], told: str) -> None:
    """At once, not at the first failure; and the client can be shown even then."""
    with pytest.raises((ConfigurationError, ValueError), match=told):
        Planado(KEY, **given)
    assert repr(Planado.__new__(Planado)) == "<Planado, not set up>"


@pytest.mark.parametrize("given", [{"rate": RateLimit(30)}, {"rate": None}, {"in_flight": 1}])
def test_a_limiter_has_its_own_settings(given: dict[str, Any]) -> None:
    """What would be ignored is refused."""
    with pytest.raises(ConfigurationError, match="belong to the limiter"):
        Planado(KEY, limiter=LocalLimiter(), **given)


def test_an_empty_url_is_no_url() -> None:
    """A variable that is set to nothing does not lead to the default by itself."""
    with pytest.raises(ConfigurationError, match="base_url"):
        Planado(KEY, base_url="")


@pytest.mark.parametrize("query", [[("status[]", "a"), ("status[]", "b")], {"status[]": "a"}])
async def test_a_bare_request_takes_pairs_or_a_mapping(query: Any) -> None:
    """A key may come more than once."""
    async with Wire(JOB) as wire, Planado(KEY, base_url=wire.url) as planado:
        await planado.request("GET", "/jobs", query=query)
    assert wire.asked[0].path.count("status%5B%5D=") == len(query)


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("duration", "scheduled_duration"),
        ("desc", "description"),
        ("type_uuid", "job_type"),
        ("template_uuid", "template"),
        ("client_id", "client"),
        ("scheduled", "scheduled_at"),
        ("external_idd", "external_id"),
    ],
)
async def test_the_name_that_was_meant_is_told(slip: str, meant: str) -> None:
    """A part of a name, an id in place of a reference, or a slip of the finger."""
    given: Any = {slip: "x"}
    async with Planado(KEY) as planado:
        with pytest.raises(TypeError, match=f"takes no '{slip}'; did you mean '{meant}'"):
            await planado.jobs.create(**given)


def test_a_filter_that_is_not_known_is_told_with_the_nearest() -> None:
    """Filters of a listing are checked like fields of a write."""
    with pytest.raises(TypeError, match="did you mean 'updated_after'"):
        Planado(KEY).jobs.list(update_after="2026-02-03T00:00:00Z")  # type: ignore[call-arg]
