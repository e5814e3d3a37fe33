"""The examples do what they say: the demo, the services and the bot."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from datetime import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from attrs import evolve

from examples import chat_bot, crm_service, demo, roster
from planado_async import ConfigurationError, Planado, RateLimit
from planado_async.emulator import Emulator
from planado_async.testing import Deliver, EventFactory
from planado_async.webhooks import Event, webhooks_key
from tests import readme
from tests.readme import ROOT
from tests.webhooks.making import body


@pytest.mark.timeout(180)
def test_demo_loses_nothing() -> None:
    """The whole demo ends with no refusal, no loss, and its two bad rows told."""
    done = subprocess.run(
        [sys.executable, "examples/demo.py"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160"},  # else the table wraps long reasons
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.strip("│ ").split("│", 1) for line in done.stdout.splitlines() if line[:1] == "│"]
    told = {name.strip(): value.strip() for name, value in rows}
    assert (told["lost"], told["events dead"], told["refusals"]) == ("0", "0", "0")
    assert (told["rows ok"], told["rows refused"]) == ("238", "2")
    assert told["events stored"] == told["events handled"] == told["events sent"]
    assert int(told["events repeated"]) > 0
    assert ", 2: " in told["attempts to deliver"]  # those refused while the service was stopped
    assert "row 88 (wo-5087): starts_at is '2027-02-30 09:00'" in done.stdout


def test_orders_are_read_with_their_zone() -> None:
    """A time of the file is local: the offset changes with the clocks."""
    orders, refused = demo.read_orders(ROOT / "examples" / "work_orders.csv")
    assert (len(orders), len(refused)) == (238, 2)
    offsets = {order.job["scheduled_at"].isoformat()[-6:] for order in orders}
    assert offsets == {"+01:00", "+02:00"}
    assert {order.job["job_type"]["code"] for order in orders} == {
        "Inspection",
        "Installation",
        "Meter reading",
        "Repair",
    }


def _report(
    folder: Path, acks: Sequence[float] = (0.001, 0.002), calls: int = 100, **kept: Any
) -> int:
    (folder / "acks.jsonl").write_text(json.dumps(acks) + "\n")
    counters = {
        "events": {"job_created": 3},
        "deliveries": {"attempts": {"1": 3}, "outcomes": {"repeated": 0}},
    }
    end = {"stored": 3, "handled": 3, "waiting": 0, "dead": 0, "orders": {"wo-1": "finished"}}
    pushed = demo.Pushed(jobs=1, refused=[], seconds=3.0)
    return demo.report(
        pushed, {"calls": calls, "refusals": 0}, counters, demo.Kept(**{**end, **kept}), folder, []
    )


@pytest.mark.parametrize(
    ("kept", "code"),
    [
        ({}, 0),
        ({"handled": 2}, 1),
        ({"stored": 2}, 1),
        ({"dead": 1}, 1),
        ({"orders": {}}, 1),
        ({"orders": {"wo-1": "started"}}, 1),
        ({"handled": 2, "orders": {"wo-1": "finished", "wo-2": "finished"}}, 1),
    ],
)
def test_a_loss_is_a_failure(tmp_path: Path, kept: dict[str, Any], code: int) -> None:
    """Anything sent and not handled, or an order the CRM has not seen the end of, exits with 1."""
    assert _report(tmp_path, **kept) == code


@pytest.mark.real_time
async def test_the_crm_does_not_block_the_receiver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the CRM waits for its disk the service goes on to answer."""
    monkeypatch.setenv("PLANADO_WEBHOOK_SECRET", "s")
    begun, gate = threading.Event(), threading.Event()

    def slow(self: crm_service.Crm, event: Event) -> None:
        begun.set()
        assert gate.wait(30)

    monkeypatch.setattr(crm_service.Crm, "record", slow)
    server = TestServer(crm_service.service(tmp_path), host="127.0.0.1")
    async with TestClient(server) as client, asyncio.timeout(20):
        for number in range(2):
            sent = await client.post(
                "/planado", data=body(f"e{number}"), headers={"X-Planado-Secret": "s"}
            )
            assert sent.status == 204
            await asyncio.to_thread(begun.wait, 10)
        gate.set()


def test_a_day_without_figures_is_told(tmp_path: Path) -> None:
    """With hardly a call and no times of answers the table is printed all the same."""
    assert demo.acknowledged(tmp_path / "acks.jsonl") == ("unknown", "unknown")
    assert _report(tmp_path, acks=[0.001], calls=1) == 0


@pytest.mark.real_time
async def test_a_service_that_ends_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that does not come up is told as soon as it has ended."""
    monkeypatch.setattr(demo, "HERE", tmp_path)  # where no service is
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ChildProcessError, match="status 2"):
            await demo.Service(tmp_path).start(session)


@pytest.mark.real_time
async def test_waiting_in_vain_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that never comes true raises, naming what was waited for."""
    monkeypatch.setattr(demo, "WAIT_AT_MOST", 0.0)

    async def never() -> bool:
        await asyncio.sleep(0)
        return False

    with pytest.raises(TimeoutError, match="the moon"):
        await demo.until(never, "the moon")


def test_the_fastapi_service_follows_orders(tmp_path: Path) -> None:
    """The example on FastAPI is told of a job by the emulator, and tells how it stands."""
    port = readme.free_port()
    service = (str(ROOT / "examples" / "fastapi_receiver.py"), "--port", str(port))
    url = f"http://127.0.0.1:{port}"
    with (
        readme.emulator(sys.executable, tmp_path) as account,
        readme.process(
            sys.executable, *service, folder=tmp_path, PLANADO_WEBHOOK_SECRET=readme.SECRET
        ),
    ):
        assert readme.answer(f"{url}/health") == {"status": "ok"}
        hook = {"url": f"{url}/planado", "secret": readme.SECRET}
        readme.call("POST", f"{account['control_url']}/webhooks", body=hook)
        key = {"X-Planado-API-Key": account["api_key"]}
        job = {"external_id": "wo-5", "scheduled_at": "2027-01-04T09:00:00+01:00"}
        readme.call("POST", f"{account['planado_url']}/jobs", body=job, **key)
        told = readme.answer(f"{url}/orders/wo-5")
        assert told == {"external_id": "wo-5", "status": "scheduled"}


# --- The roster -----------------------------------------------------------------------------------


def test_the_roster_is_rehearsed_and_written() -> None:
    """The made-up company's week is written as planned, and each thing that is wrong is told."""
    done = subprocess.run(
        [sys.executable, "examples/roster.py", "--json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 3, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["written"] == told["calls"] > 30
    assert (told["failed"], told["ignored"]["Draft"] > 0) == ([], True)
    assert {each["kind"] for each in told["problems"]} == {
        "ambiguous",
        "no_match",
        "no_times",
        "clock_change",
        "overlap",
        "no_rule",
        "no_place",
    }
    nights = [each for each in told["changes"] if each["day"] == "2026-10-25"]
    spans = [(span["from"], span["to"]) for each in nights for span in each["after"]]
    assert ("2026-10-25T00:00:00+02:00", "2026-10-25T06:00:00+01:00") in spans


@pytest.fixture
async def roster_emulator(planado_emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Emulator:
    """Both services with Anna in them, named by the environment as the real ones are."""
    emulator = planado_emulator
    portal = emulator.planday.data(emulator.planday_portal_id)
    anna, *_ = portal.employees
    portal.employees.put(evolve(anna, email="anna.berg@example.test"))
    portal.add_shift(employee_id=anna.id, day=roster.WEEK[0], start=time(7), end=time(15))
    for name, value in {
        "PLANDAY_REFRESH_TOKEN": emulator.planday_refresh_token,
        "PLANDAY_BASE_URL": emulator.planday_url,
        "PLANDAY_IDENTITY_URL": emulator.identity_url,
        "PLANADO_API_KEY": emulator.api_key,
        "PLANADO_BASE_URL": emulator.url,
    }.items():
        monkeypatch.setenv(name, value)
    return emulator


async def test_the_roster_goes_by_its_files(
    roster_emulator: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With rules and people from files: rehearsed, written, and the second time nothing to do."""
    rules, people = tmp_path / "rules.toml", tmp_path / "people.csv"
    rules.write_text(
        'rounding = "in"\n[[rules]]\ndepartment = 1001\nterritory = "North"\n', "utf-8-sig"
    )
    people.write_text("employee,user\n", "utf-8")
    words = ["--planday-app-id", roster_emulator.planday_app_id]
    words += ["--rules", str(rules), "--people", str(people)]
    words += ["--from", "2026-10-19", "--to", "2026-10-19"]
    for more, code, written in ((["--dry-run"], 1, 0), ([], 1, 1), ([], 0, 0)):
        assert await roster.run(roster.options([*words, *more])) == code
        assert f"written: {written}" in capsys.readouterr().out


async def test_the_roster_is_plain_without_rich(
    roster_emulator: Emulator,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where rich is not installed, the table is plain text."""
    monkeypatch.setitem(sys.modules, "rich.console", None)
    words = ["--planday-app-id", roster_emulator.planday_app_id, "--dry-run"]
    words += ["--from", "2026-10-19", "--to", "2026-10-25"]
    assert await roster.run(roster.options(words)) == 1
    told = capsys.readouterr().out
    assert "Anna Berg  Mon 2026-10-19  free    05:00-13:00\n" in told  # the account is on UTC


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--planday-app-id", "a"], 2),
        (["--rules", "rules.toml"], 2),
        (["--planday-app-id", "a", "--from", "2026-10-25", "--to", "2026-10-19"], 2),
        (["--from", "2026-10-26"], 2),
        (
            ["--planday-app-id", "a", "--from", "2026-10-19", "--to", "2026-10-19", "--rules", "x"],
            3,
        ),
    ],
)
def test_what_the_roster_cannot_do_is_no_change(
    words: list[str], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wrong words end with 2; a missing file or token with 3, never with the 1 of a change."""
    for name in ("PLANDAY_REFRESH_TOKEN", "PLANADO_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "argv", ["roster.py", *words])
    with pytest.raises(SystemExit) as ended:
        roster.main()
    assert ended.value.code == code


@pytest.mark.parametrize("told", [b"absent = [1", b'zone = "\xe9"'])
def test_a_file_of_rules_that_is_none_is_named(tmp_path: Path, told: bytes) -> None:
    """What is no TOML, or not in UTF-8, is told with the name of the file."""
    file = tmp_path / "rules.toml"
    file.write_bytes(told)
    with pytest.raises(ConfigurationError, match=r"rules.toml: no TOML file in UTF-8"):
        roster.settings_in(file)


# --- The chat bot, tested with the fixtures that every user of the package has --------------------


class Room:
    """A chat that remembers what was posted, and can lose its answers."""

    def __init__(self) -> None:
        self.messages: dict[str, str] = {}
        self.tries = 0
        self.answers_lost = 0

    async def post(self, text: str, *, key: str) -> None:
        self.tries += 1
        self.messages.setdefault(key, text)
        if self.tries <= self.answers_lost:
            raise ConnectionResetError


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def bot(planado_client: Planado, room: Room) -> chat_bot.Bot:
    return chat_bot.Bot(planado_client, room)


@pytest.fixture
def bot_service(
    bot: chat_bot.Bot, planado_webhook_secret: str, monkeypatch: pytest.MonkeyPatch
) -> web.Application:
    monkeypatch.setenv("PLANADO_WEBHOOK_SECRET", planado_webhook_secret)
    return chat_bot.service(bot, ":memory:", speed=1000)


async def test_the_bot_tells_a_status(bot: chat_bot.Bot, planado_client: Planado) -> None:
    """A question is answered with the state of the job, a wrong one with what would be right."""
    await planado_client.jobs.create(external_id="wo-77")
    assert await bot.answer("status wo-77\n") == "wo-77 is posted."
    assert await bot.answer("move wo-77 2027-01-04T09:00+01:00") == "wo-77 is moved."
    planned = "wo-77 is scheduled, planned for 2027-01-04 08:00:00+00:00."
    assert await bot.answer("status wo-77") == planned
    assert await bot.answer("status wo-78") == "There is no wo-78."
    for wrong in ("", "status", "move wo-77 tomorrow", "move wo-77 2027-01-04T09:00"):
        assert await bot.answer(wrong) == chat_bot.HELP


async def test_the_bot_does_not_keep_people_waiting(
    bot: chat_bot.Bot, planado_emulator: Emulator
) -> None:
    """When Planado hangs the bot says so within three seconds."""
    planado_emulator.fault("delay", seconds=60)
    began = asyncio.get_running_loop().time()
    assert "(DeadlineExceededError); please ask again" in await bot.answer("status wo-77")
    assert asyncio.get_running_loop().time() - began < 3.1


@pytest.mark.parametrize("planado_client_options", [{"rate": RateLimit(60, burst=1)}])
async def test_the_bot_goes_before_an_import(bot: chat_bot.Bot, planado_client: Planado) -> None:
    """While others wait for a budget of one call a second, a question is answered next."""
    await planado_client.jobs.create(external_id="wo-77")
    imports = [asyncio.create_task(planado_client.jobs.get("wo-77")) for _ in range(10)]
    await asyncio.sleep(0.1)
    assert await bot.answer("status wo-77") == "wo-77 is posted."
    assert sum(each.done() for each in imports) < 3
    await asyncio.gather(*imports)


async def test_the_bot_speaks_once(
    bot_service: web.Application, room: Room, deliver: Deliver, planado_event: EventFactory
) -> None:
    """A finish that Planado sends twice, and whose message was posted unnoticed, is told once."""
    room.answers_lost = 2
    finished = planado_event("job_finished", external_id="wo-77")
    assert await deliver.many(bot_service, [finished], repeat=2) == [204, 204]
    await bot_service[webhooks_key].settled()
    assert room.tries == 3
    assert list(room.messages.values()) == ["wo-77 is finished: Done."]


async def test_the_bot_passes_over_what_is_not_so_any_more(
    bot_service: web.Application, room: Room, deliver: Deliver, planado_event: EventFactory
) -> None:
    """An older move that arrives after a newer one is not told."""
    moves = [
        planado_event("job_updated", external_id="wo-77", scheduled_at=f"2027-01-0{day}T09:00:00Z")
        for day in (4, 5)
    ]
    for move in reversed(moves):
        assert await deliver(bot_service, move) == 204
        await bot_service[webhooks_key].settled()
    told = ["wo-77 was moved to 2027-01-05 09:00:00+00:00."]
    assert list(room.messages.values()) == told


async def test_the_bot_does_not_hear_itself(
    bot: chat_bot.Bot,
    bot_service: web.Application,
    room: Room,
    planado_emulator: Emulator,
    planado_client: Planado,
    planado_webhook_secret: str,
) -> None:
    """Its own move comes back as an event and is not told; a finish after it is."""
    async with TestServer(bot_service, host="127.0.0.1") as server:
        planado_emulator.subscribe(str(server.make_url("/planado")), planado_webhook_secret)
        [user] = await planado_client.users.list().collect(limit=1)
        await planado_client.jobs.create(
            external_id="wo-77", assignee={"worker": {"uuid": user.uuid}}
        )
        assert await bot.answer("move wo-77 2027-01-04T09:00+01:00") == "wo-77 is moved."
        planado_emulator.act("wo-77", "start")
        planado_emulator.act("wo-77", "finish", resolution="Done")
        await planado_emulator.settled()
        await bot_service[webhooks_key].settled()
        assert planado_emulator.counters()["events"]["job_updated"] == 3
    assert list(room.messages.values()) == ["wo-77 is finished: Done."]


@pytest.mark.real_time
def test_the_bot_runs_in_a_terminal(tmp_path: Path) -> None:
    """What is typed is answered, and the end of the input is the end of the bot."""
    with readme.emulator(sys.executable, tmp_path) as account:
        done = subprocess.run(
            [sys.executable, "examples/chat_bot.py", "--port", "0", "--inbox", tmp_path / "i.db"],
            cwd=ROOT,
            env={
                **os.environ,
                "PLANADO_BASE_URL": account["planado_url"],
                "PLANADO_API_KEY": account["api_key"],
                "PLANADO_WEBHOOK_SECRET": "s",
            },
            input="status wo-1\nhello\n",
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"There is no wo-1.\n{chat_bot.HELP}\n"


async def test_the_terminal_shows_a_message_once(capsys: pytest.CaptureFixture[str]) -> None:
    """The chat of the example keeps what it says: one message for each key."""
    console = chat_bot.Console()
    for key in ("a", "a", "b"):
        await console.post(f"message {key}", key=key)
    assert capsys.readouterr().out == "message a\nmessage b\n"
