"""Every example in README and docs does what it says."""

import ast
import asyncio
import re
import runpy
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from aiohttp.test_utils import TestServer

from planado_async import Planado, RateLimit, Secret
from planado_async.core.limiter_sqlite import SqliteLimiter
from planado_async.emulator import Emulator
from planado_async.planday import FileTokenStore, Grant, Planday
from planado_async.webhooks import Event, SqliteInbox, Webhooks, webhooks_key
from planado_async.webhooks.intake import delivery_of
from tests import readme
from tests.webhooks.making import HEADERS, LoopClock, body

pytest_plugins = ["pytester"]

MOUNTED = {  # what each block of the mounting page is known by, and how it is run
    "serve(app": ["app.py"],
    "FastAPI(": ["-m", "uvicorn", "app:app"],
    "Starlette(": ["-m", "uvicorn", "app:app"],
    "hooks.asgi(": ["-m", "uvicorn", "app:app"],
}
PAGES = [
    "README.md",
    *(str(page.relative_to(readme.ROOT)) for page in readme.ROOT.glob("docs/*.md")),
]


def test_readme_examples_run(tmp_path: Path) -> None:
    """The README's client and receiver work against the emulator's command."""
    readme.readme_works(sys.executable, tmp_path)


def test_tutorial_client_runs(tmp_path: Path) -> None:
    """The tutorial's job is created and printed as the page says."""
    with readme.emulator(sys.executable, tmp_path) as account:
        code = readme.the_block("docs/tutorial.md", "asyncio.run")
        assert readme.run_client(sys.executable, tmp_path, code, account) == "wo-1 published\n"


def test_every_block_is_run_somewhere() -> None:
    """A Python block that no test here runs is told, so that examples cannot rot."""
    run = {
        *readme.blocks("README.md"),
        readme.the_block("docs/tutorial.md", "asyncio.run"),
        readme.the_block("docs/client.md", "copy_all"),
        readme.the_block("docs/bulk.md", "orders.checkpoint"),
        readme.the_block("docs/bulk.md", "fetch_for"),
        readme.the_block("docs/bulk.md", "jobs.details"),
        readme.the_block("docs/budget.md", "stock_up"),
        readme.the_block("docs/processes.md", "SqliteLimiter"),
        readme.the_block("docs/deadlines.md", "with_options"),
        readme.the_block("docs/safe-writes.md", "ConflictError"),
        readme.the_block("docs/safe-writes.md", "template="),
        readme.the_block("docs/telemetry.md", "basicConfig"),
        readme.the_block("docs/telemetry.md", "asyncio.run"),
        readme.the_block("docs/telemetry.md", "SlowCalls"),
        readme.the_block("docs/lookups.md", "NameLookupError"),
        readme.the_block("docs/lookups.md", "diff("),
        *readme.blocks("docs/emulator.md"),
        *readme.blocks("docs/testing.md"),
        readme.the_block("docs/webhooks.md", "hooks.check"),
        readme.the_block("docs/webhooks.md", "open_readonly"),
        readme.the_block("docs/order.md", "event.gap"),
        readme.the_block("docs/replay.md", "hooks.replay"),
        readme.the_block("docs/replay.md", "open_readonly"),
        *(readme.the_block("docs/mounting.md", mark) for mark in MOUNTED),
        readme.the_block("docs/roster.md", "as_text"),
        readme.the_block("docs/repair.md", "def service("),
        readme.the_block("docs/repair.md", "repair.missed"),
        *readme.blocks("docs/behind-nat.md"),
        *readme.blocks("docs/connect.md"),  # by tests/planday/test_connect.py
        readme.the_block("docs/planday.md", "asyncio.run"),
        readme.the_block("docs/planday.md", "shifts.create"),
        readme.the_block("docs/planday.md", "shifts.changes"),
        readme.the_block("docs/planday.md", "in_window"),
        readme.the_block("docs/portals.md", "PlandayPortals"),
        readme.the_block("docs/reauthorise.md", "reauthorisation_wait"),
        readme.the_block("docs/reauthorise.md", "getpass"),
    }
    assert [block for page in PAGES for block in readme.blocks(page) if block not in run] == []


async def test_a_listing_goes_on_where_it_stopped(tmp_path: Path) -> None:
    """The client page's `copy_all` ends a listing, or returns the cursor to go on from."""
    code = tmp_path / "copy_all.py"
    code.write_text(readme.the_block("docs/client.md", "copy_all"), "utf-8")
    copy_all = runpy.run_path(str(code))["copy_all"]
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        for _ in range(25):
            last = await planado.jobs.create()
        emulator.fault("status", status=400, method="GET", count=1)
        assert await copy_all(planado, last) == last
        assert await copy_all(planado, last) is None


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    """A link to a file of the project names one that exists."""
    text = (readme.ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert ((readme.ROOT / page).parent / target).exists(), target


@pytest.mark.parametrize("name", ["test_a_job_is_finished", "test_the_portal_is_read"])
async def test_emulator_page_tests_pass(tmp_path: Path, name: str) -> None:
    """The emulator page's examples of tests are ones that pass."""
    code = tmp_path / "example.py"
    code.write_text(readme.the_block("docs/emulator.md", name), "utf-8")
    await runpy.run_path(str(code))[name]()


@pytest.mark.real_time
def test_testing_page_tests_pass(pytester: pytest.Pytester) -> None:
    """The testing page's service passes its tests as a project of its own, with its options."""
    service, tests, options = readme.blocks("docs/testing.md")
    pytester.makepyfile(billing=service, test_billing=tests, conftest=options)
    pytester.syspathinsert()
    done = pytester.runpytest_subprocess("--asyncio-mode=auto")
    done.assert_outcomes(passed=3)


async def test_webhooks_page_says_what_to_click(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The webhooks page's check prints the problems of an account without webhooks."""
    code = tmp_path / "tell.py"
    code.write_text(readme.the_block("docs/webhooks.md", "hooks.check"), "utf-8")
    tell = runpy.run_path(str(code))["tell"]
    hooks = Webhooks(":memory:", secret="s")
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        await tell(hooks, planado)
    assert "Settings / Integrations / Webhooks" in capsys.readouterr().out


@pytest.mark.real_time
async def test_webhooks_page_looks_into_the_inbox(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The webhooks page's look prints counts and dead letters, beside the owner of the file."""
    code = tmp_path / "look.py"
    code.write_text(readme.the_block("docs/webhooks.md", "open_readonly"), "utf-8")
    look = runpy.run_path(str(code))["look"]
    async with SqliteInbox(tmp_path / "inbox.db") as inbox:
        await inbox.put(delivery_of((), b"no event", 0.0))
        await look(str(tmp_path / "inbox.db"))
    told = capsys.readouterr().out
    assert "dead=1" in told
    assert "the body is not JSON" in told


def test_guarantees_name_tests_that_exist() -> None:
    """Every test the guarantees lean on is there."""
    page = (readme.ROOT / "docs/guarantees.md").read_text("utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", page)
    assert len(named) > 20
    for file, test in named:
        assert f"def {test}(" in (readme.ROOT / file).read_text("utf-8"), test


def test_failure_modes_say_what_the_code_says() -> None:
    """Every message that the page quotes is found in the code, up to what differs in it."""
    page = (readme.ROOT / "docs/failure-modes.md").read_text("utf-8")
    rows = re.findall(r"^\| (.+?) \|", page, re.M)
    quoted = [text for row in rows for text in re.findall(r"`([^`]*)`", row) if " " in text]
    pieces = [piece for text in quoted for piece in re.split(r"…|[:;,] |\d+|[()]|the inbox ", text)]
    assert len(quoted) > 60
    said = "\n".join(
        _texts_of(ast.parse(file.read_text("utf-8")))
        for file in (readme.ROOT / "planado_async").rglob("*.py")
    )
    assert [piece for piece in pieces if len(piece) > 9 and piece.strip() not in said] == []


def _texts_of(code: ast.AST) -> str:
    """Return all the texts of a module, each in one piece however it is written."""
    texts = (node.value for node in ast.walk(code) if isinstance(node, ast.Constant))
    return "\n".join(text for text in texts if isinstance(text, str))


def _run_block(page: str, mark: str, tmp_path: Path) -> dict[str, Any]:
    """Run a block of a page and return its names."""
    code = tmp_path / "block.py"
    code.write_text(readme.the_block(page, mark), "utf-8")
    return runpy.run_path(str(code))


async def test_budget_page_counts_its_calls(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The budget page's client reads the sites and tells the bucket of the rate it was given."""
    stock_up = _run_block("docs/budget.md", "stock_up", tmp_path)["stock_up"]
    async with Emulator() as emulator:
        monkeypatch.setenv("PLANADO_API_KEY", emulator.api_key)
        monkeypatch.setenv("PLANADO_BASE_URL", emulator.url)
        budget = await stock_up()
        assert (budget.burst, budget.refusals) == (85, 0)
        assert budget.level == pytest.approx(emulator.counters()["calls"], abs=0.5)


@pytest.mark.real_time  # the file's clock is the machine's
async def test_processes_page_shares_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The processes page's worker leaves its calls in the file for the next one."""
    worker = _run_block("docs/processes.md", "SqliteLimiter", tmp_path)["one_of_many_workers"]
    file = tmp_path / "budget.db"
    async with Emulator() as emulator:
        monkeypatch.setenv("PLANADO_API_KEY", emulator.api_key)
        monkeypatch.setenv("PLANADO_BASE_URL", emulator.url)
        assert await worker(str(file)) == await worker(str(file)) == 0
    assert SqliteLimiter(file).budget().level > 1.0


async def test_deadlines_page_answers_in_time(tmp_path: Path) -> None:
    """The deadlines page's status comes at once, and says so where the budget is spent."""
    names = _run_block("docs/deadlines.md", "with_options", tmp_path)
    async with (
        Emulator() as emulator,
        Planado(emulator.api_key, base_url=emulator.url, rate=RateLimit(1, 60.0, 3)) as planado,
    ):
        uuid = await planado.jobs.create()
        assert await names["status_for_a_person"](planado, uuid) == "posted"
        assert await names["status_for_a_person"](planado, "no such job") != "posted"
        assert await names["status_for_a_person"](planado, uuid) == "busy, try again in 60 s"
        assert await names["read_everything"](planado) == [uuid]


def test_telemetry_page_shows_lines_and_spans(tmp_path: Path) -> None:
    """The telemetry page's set-ups print a line and a span of the example's call."""
    spans = readme.the_block("docs/telemetry.md", "asyncio.run")
    lines = readme.the_block("docs/telemetry.md", "basicConfig")
    with readme.emulator(sys.executable, tmp_path) as account:
        said = readme.run_client(sys.executable, tmp_path, lines + spans, account)
    assert re.search(r" DEBUG call [0-9a-f]{8}: GET /jobs: ok, status 200, attempts 1, ", said)
    assert '"name": "GET /jobs"' in said


async def test_telemetry_page_tells_of_slow_calls(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The telemetry page's own telemetry prints the call that was slow, and no other."""
    telemetry = _run_block("docs/telemetry.md", "SlowCalls", tmp_path)["SlowCalls"]()
    async with (
        Emulator() as emulator,
        Planado(emulator.api_key, base_url=emulator.url, telemetry=telemetry) as planado,
    ):
        await planado.users.list().collect()
        emulator.fault("delay", seconds=3.0, count=1)
        await planado.jobs.list().collect()
    told = capsys.readouterr().out
    assert told.startswith("slow: GET /jobs, ok, status 200, ")
    assert told.count("slow") == 1


def test_bulk_page_import_runs_once(tmp_path: Path) -> None:
    """The bulk page's import creates every order, and a second run of it creates none."""
    (tmp_path / "orders.csv").write_text("number,task\nwo-1,pump\nwo-2,valve\n", "utf-8")
    code = readme.the_block("docs/bulk.md", "orders.checkpoint")
    with readme.emulator(sys.executable, tmp_path) as account:
        said = [readme.run_client(sys.executable, tmp_path, code, account) for _ in range(2)]
    assert said == ["2 created, 0 before, 0 failed\n", "0 created, 2 before, 0 failed\n"]


async def test_bulk_page_keeps_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bulk page's fetch returns what it did not get in time, and says what became of it."""
    fetch_for = _run_block("docs/bulk.md", "fetch_for", tmp_path)["fetch_for"]
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        uuids = [await planado.jobs.create() for _ in range(20)]
        emulator.fault("delay", method="GET", seconds=2, count=None)
        left = await fetch_for(planado, uuids, 3.0)
    assert sorted(left) == sorted(uuids[8:])
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "8 in time, 4 not begun"
    assert [line.split()[1] for line in told[1:]] == ["BulkItemCancelledError"] * 8


async def test_bulk_page_refreshes_what_changed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The bulk page's refresh gets each job once, and later only what has a new version."""
    refresh = _run_block("docs/bulk.md", "jobs.details", tmp_path)["refresh"]
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        uuids = [await planado.jobs.create(description=name) for name in ("pump", "valve")]
        known = dict[str, int]()
        since = emulator.now() - timedelta(hours=1)
        await refresh(planado, known, since)
        await planado.jobs.update(uuids[0], description="new pump")
        capsys.readouterr()
        await refresh(planado, known, since)
    assert known == {uuids[0]: 2, uuids[1]: 1}
    assert capsys.readouterr().out == f"{uuids[0]} new pump\n"


async def test_safe_writes_page_books_each_order_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The safe-writes page's order is booked, booked again, and settled after a doubt."""
    names = _run_block("docs/safe-writes.md", "ConflictError", tmp_path)
    book, settle = names["book"], names["settle"]
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        uuid = await book(planado, "wo-1", "first")
        assert await book(planado, "wo-1", "second") == uuid
        assert (await planado.jobs.get(uuid)).description == "second"
        emulator.fault("cut_after", method="POST")
        emulator.fault("status", status=403, method="GET")
        assert await book(planado, "wo-2", "third") is None
        assert capsys.readouterr().out == "to be settled: wo-2\n"
        settled = await settle(planado, "wo-2", "third")
        new = await settle(planado, "wo-3", "fourth")
        assert {job.uuid async for job in planado.jobs.list()} == {uuid, settled, new}


async def test_safe_writes_page_fills_a_template(tmp_path: Path) -> None:
    """The safe-writes page's job has all its fields though the template swallows some."""
    service = _run_block("docs/safe-writes.md", "template=", tmp_path)["service"]
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        emulator.settings(template_oddity=True)
        users = await planado.users.list().collect()
        worker = next(u for u in users if u.permissions and u.permissions["mobile"]["login"])
        job = await planado.jobs.get(await service(planado, worker.uuid))
    assert (job.description, job.status) == ("Loses pressure", "published")
    assert [each.value for each in job.contacts] == ["555-0100"]
    assert job.template is not None
    assert job.address is not None
    assert job.address.formatted == "Kiln Rd 1"


async def test_lookups_page_finds_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lookups page's jobs are those of the type, and a slip is told with the right code."""
    jobs_of_type = _run_block("docs/lookups.md", "NameLookupError", tmp_path)["jobs_of_type"]
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        since = emulator.now() - timedelta(hours=1)
        repair, _ = [await planado.jobs.create(job_type={"code": c}) for c in ("Repair", "default")]
        assert [job.uuid for job in await jobs_of_type(planado, "Repair", since)] == [repair]
        assert await jobs_of_type(planado, "Repare", since) == []
    told = "no job type has the code 'Repare'; did you mean 'Repair'?\n"
    assert capsys.readouterr().out == told


async def test_lookups_page_updates_once(tmp_path: Path) -> None:
    """The lookups page's plan changes the job, and a second one finds nothing to change."""
    plan = _run_block("docs/lookups.md", "diff(", tmp_path)["plan"]
    async with Emulator() as emulator, Planado(emulator.api_key, base_url=emulator.url) as planado:
        await planado.jobs.create(external_id="wo-1")
        at = emulator.now() + timedelta(days=1)
        for _ in range(2):
            await plan(planado, "wo-1", at, "2")
        job = await planado.jobs.get("wo-1")
        assert emulator.counters()["routes"]["PATCH /jobs/{id}"] == 1
    assert (job.version, job.status) == (2, "scheduled")
    assert [(each.name, each.value) for each in job.custom_fields] == [("Floor", "2")]


@pytest.mark.parametrize("mark", MOUNTED)
def test_mounting_page_receives(mark: str, tmp_path: Path) -> None:
    """Each of the mounting page's ways takes an event, tells its health and ends in good order."""
    port = str(readme.free_port())
    code = readme.the_block("docs/mounting.md", mark).replace("port=8080", f"port={port}")
    (tmp_path / "app.py").write_text(code, "utf-8")
    command = MOUNTED[mark] + (["--port", port] if "uvicorn" in MOUNTED[mark] else [])
    secret = {"PLANADO_WEBHOOK_SECRET": readme.SECRET}
    with readme.process(sys.executable, *command, folder=tmp_path, **secret) as service:
        url = f"http://127.0.0.1:{port}"
        assert readme.answer(f"{url}/health") == {"status": "ok"}
        sent = {"event_uuid": "e1", "event_type": "job_finished"}
        headers = {"X-Planado-Secret": readme.SECRET}
        assert readme.call("POST", f"{url}/planado", body=sent, **headers) is None
        with pytest.raises(HTTPError, match="401"):
            readme.call("POST", f"{url}/planado", body=sent)
    assert service.returncode in (0, -signal.SIGTERM)  # the latter is how uvicorn ends
    assert (service.returncode == 0) >= (mark == "serve(app")
    with closing(sqlite3.connect(tmp_path / "inbox.db")) as inbox:
        assert inbox.execute("SELECT event_uuid FROM deliveries").fetchall() == [("e1",)]


@pytest.mark.real_time  # the inbox's file has a thread
async def test_repair_page_heals_a_service(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The repair page's service gets what was dropped, and its `missed` names what is lost."""
    service = _run_block("docs/repair.md", "def service(", tmp_path)["service"]
    missed_since = _run_block("docs/repair.md", "repair.missed", tmp_path)["jobs_missed_since"]
    monkeypatch.setenv("PLANADO_WEBHOOK_SECRET", readme.SECRET)
    async with Emulator() as emulator:
        monkeypatch.setenv("PLANADO_API_KEY", emulator.api_key)
        monkeypatch.setenv("PLANADO_BASE_URL", emulator.url)
        since = emulator.now() - timedelta(hours=1)
        webhook = emulator.subscribe("http://127.0.0.1:9/")["webhook"]["uuid"]
        async with Planado() as planado:
            await planado.jobs.create()
            app = service(str(tmp_path / "inbox.db"), webhook)
            async with TestServer(app, host="127.0.0.1"), asyncio.timeout(30):
                while (await app[webhooks_key].inbox.counts()).done < 1:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            emulator.settings(log_deliveries=False)
            lost = await planado.jobs.create()
            later = (emulator.now() + timedelta(minutes=5)).timestamp()
            async with SqliteInbox(tmp_path / "inbox.db", clock=lambda: later) as inbox:
                assert await missed_since(planado, inbox, webhook, since) == [lost]
    assert f"job {lost} is at version 1" in capsys.readouterr().out


@pytest.mark.real_time
async def test_behind_nat_page_bills(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's service, which nobody can reach, bills a job that was finished before it began."""
    (tmp_path / "block.py").write_text("\n".join(readme.blocks("docs/behind-nat.md")), "utf-8")
    main = runpy.run_path(str(tmp_path / "block.py"))["main"]
    monkeypatch.chdir(tmp_path)
    async with Emulator() as emulator:
        monkeypatch.setenv("PLANADO_API_KEY", emulator.api_key)
        monkeypatch.setenv("PLANADO_BASE_URL", emulator.url)
        webhook = emulator.subscribe("http://127.0.0.1:9/")["webhook"]["uuid"]
        async with Planado() as planado:
            users = await planado.users.list().collect()
            worker = next(u for u in users if u.permissions and u.permissions["mobile"]["login"])
            uuid = await planado.jobs.create(
                external_id="w",
                scheduled_at=emulator.now() + timedelta(days=1),
                assignee={"worker": {"uuid": worker.uuid}},
            )
        emulator.act(uuid, "start")
        emulator.act(uuid, "finish", resolution="Done")
        running = asyncio.create_task(main(webhook))
        told = ""
        async with asyncio.timeout(30):
            while not told:
                await asyncio.sleep(0.01)
                told = capsys.readouterr().out
        running.cancel()
        await asyncio.wait({running})
    assert told == "to bill: w\n"


async def test_order_page_keeps_each_order(tmp_path: Path) -> None:
    """The order page's handlers mirror the last state, name the gap and count once."""
    register = _run_block("docs/order.md", "event.gap", tmp_path)["register"]
    copy, log = dict[str, str | None](), list[str]()
    inbox = SqliteInbox(":memory:", clock=LoopClock())
    hooks = Webhooks(inbox, secret="s")
    register(hooks, copy, log)
    async with inbox, hooks:
        for version, status in [(3, "finished"), (2, "started")]:
            sent = body(f"e{version}", f"job_{status}", version=version, status=status)
            await inbox.put(delivery_of(HEADERS, sent, inbox.now()))
            await asyncio.sleep(1)
        await asyncio.sleep(40)
        count = "SELECT * FROM finished"
        assert await inbox._write(lambda c: c.execute(count).fetchall()) == [("count:e3", "j1")]
    assert copy == {"j1": "finished"}
    assert log == ["versions 1 to 1 are missing", "version 2", "version 3"]


async def test_replay_page_mends_an_outage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay page's function lists, exports, drops and replays what is dead."""
    after_an_outage = _run_block("docs/replay.md", "hooks.replay", tmp_path)["after_an_outage"]
    monkeypatch.chdir(tmp_path)
    hooks, handled = Webhooks(":memory:", secret="s", speed=1e6), list[str]()
    down = True

    @hooks.on("*", name="bill")
    async def bill(event: Event) -> None:
        if down:
            raise OSError("CRM is down")
        handled.append(event.event_uuid)

    began_at = datetime.now(UTC) - timedelta(seconds=1)
    async with hooks:
        for name, kind in [("e1", "job_updated"), ("e2", "client_updated")]:
            sent = body(name, kind, entity=name)
            await hooks.inbox.put(delivery_of(HEADERS, sent, hooks.inbox.now()))
        await hooks.settled(100)
        down = False
        assert await after_an_outage(hooks, began_at) == 1
        await hooks.settled(100)
        assert (await hooks.stats()).dropped == 1
    assert handled == ["e1"]
    told = capsys.readouterr().out
    assert all(f"{name}_updated bill: Traceback" in told for name in ("e1 job", "e2 client"))
    assert len((tmp_path / "dead.jsonl").read_text("utf-8").splitlines()) == 2


@pytest.mark.real_time
async def test_replay_page_reports_beside_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The replay page's report counts and exports while another process writes."""
    report = _run_block("docs/replay.md", "open_readonly", tmp_path)["report"]
    monkeypatch.chdir(tmp_path)
    async with SqliteInbox(tmp_path / "inbox.db") as inbox:
        await inbox.put(delivery_of(HEADERS, b"{", inbox.now()))
        await inbox.put(delivery_of(HEADERS, body(), inbox.now()))
        await report(str(tmp_path / "inbox.db"))
    assert capsys.readouterr().out == "1 wait, 1 dead, 0 a minute\n1 exported\n"


# --- Planday --------------------------------------------------------------------------------------


@pytest.fixture
async def portal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Emulator]:
    """An emulator whose portal the environment leads to, beside a directory for files."""
    monkeypatch.chdir(tmp_path)
    async with Emulator() as emulator:
        for variable, value in readme.planday_of(_Told(emulator)).items():
            monkeypatch.setenv(variable, value)
        yield emulator


class _Told(dict[str, str]):
    """What an emulator tells of itself, as its command would."""

    def __init__(self, emulator: Emulator) -> None:
        names = ("planday_url", "identity_url", "planday_app_id", "planday_refresh_token")
        super().__init__({name: getattr(emulator, name) for name in names})


def test_planday_page_reads_the_week(tmp_path: Path) -> None:
    """The Planday page's first calls print the portal and the open shifts of a week."""
    code = readme.the_block("docs/planday.md", "asyncio.run")
    with readme.emulator(sys.executable, tmp_path) as account:
        portal, *shifts = readme.run_client(sys.executable, tmp_path, code, account).splitlines()
    assert portal == "Nordlys Service Europe/Copenhagen"
    assert shifts
    for line in shifts:
        assert re.fullmatch(r"nobody yet: [A-Z]\w+ 20\d\d-\S+ \d\d:\d\d:00\+0[12]:00", line)


async def test_planday_page_plans_a_shift(
    portal: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Planday page's shift is planned and published, and a second one beside it is refused."""
    plan_early = _run_block("docs/planday.md", "shifts.create", tmp_path)["plan_early"]
    data = portal.planday.data(portal.planday_portal_id)
    somebody = next(each for each in data.employees if data.active_on(each.id))
    day = data.today() + timedelta(days=60)
    where = (somebody.departments[0], somebody.employee_groups[0], somebody.id, day)
    async with Planday() as planday:
        made = await plan_early(planday, *where)
        shift = await planday.shifts.get(made)
        assert await plan_early(planday, *where) is None
    assert (shift.status, shift.date, shift.employee_id) == ("Assigned", day, somebody.id)
    assert shift.start_date_time is not None
    assert shift.start_date_time.hour == 7
    assert capsys.readouterr().out.startswith("not planned: 409: ")


async def test_planday_page_tells_each_change_once(
    portal: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Planday page's look prints what was changed and deleted, and nothing twice."""
    look = _run_block("docs/planday.md", "shifts.changes", tmp_path)["look"]
    data, cursor = portal.planday.data(portal.planday_portal_id), tmp_path / "cursor.json"
    async with Planday() as planday:
        await look(planday, cursor)
        capsys.readouterr()
        kept, gone = data.add_shift(), data.add_shift()
        await look(planday, cursor)
        assert sorted(capsys.readouterr().out.splitlines()) == [
            f"changed: {kept.id} Open",
            f"changed: {gone.id} Open",
        ]
        data.delete_shift(gone.id)
        for told in (f"deleted: {gone.id}\n", ""):
            await look(planday, cursor)
            assert capsys.readouterr().out == told


async def test_planday_page_takes_another_rate(
    portal: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The Planday page's client has the window of twenty calls that it was given."""
    fast = _run_block("docs/planday.md", "in_window", tmp_path)["fast"]
    budget = await fast()
    assert (budget.burst, budget.refusals) == (2.0, 0)
    assert "Sick" in capsys.readouterr().out


async def test_portals_page_reads_all_that_let_it_in(
    portal: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The portals page's rosters are of two portals, and the third is named with what to do."""
    rosters = _run_block("docs/portals.md", "PlandayPortals", tmp_path)["rosters"]
    planday, store = portal.planday, FileTokenStore("tokens")
    grants = {"acme": planday.first_grant}
    for name in ("globex", "initech"):
        other = planday.add_portal(name)
        admin = planday.add_admin(other.id, "Ada Berg")
        planday.connect_app(other.id, portal.planday_app_id)
        grants[name] = planday.authorise(other.id, portal.planday_app_id, admin.id)
    for name, grant in grants.items():
        await _keep(store, name, grant)
        planday.data(grant.portal_id).add_shift()
    planday.deactivate_admin(grants["globex"].portal_id, grants["globex"].admin_id)
    found = await rosters(portal.planday_app_id, planday.data(portal.planday_portal_id).today())
    assert {name for name, _ in found} == {"acme", "initech"}
    assert len({number for _, number in found}) < len(found)  # the same numbers in both
    assert re.match(r"globex: .* press Authorise ", capsys.readouterr().out)


async def test_reauthorise_page_goes_on_without_a_restart(
    portal: Emulator, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's job waits when the administrator leaves, and ends when its command was used."""
    nightly = _run_block("docs/reauthorise.md", "reauthorisation_wait", tmp_path)["nightly"]
    put = _run_block("docs/reauthorise.md", "getpass", tmp_path)["put"]
    planday, grant = portal.planday, portal.planday.first_grant
    await _keep(FileTokenStore("tokens"), "acme", grant)
    data = planday.data(portal.planday_portal_id)
    planned = [data.add_shift().id for _ in range(100)]
    job = asyncio.create_task(nightly(portal.planday_app_id, data.today()))
    await asyncio.sleep(2.0)
    planday.deactivate_admin(grant.portal_id, grant.admin_id)
    await asyncio.sleep(3600.0)
    assert not job.done()
    assert not await put(portal.planday_app_id, grant.refresh_token)
    assert "press Authorise" in capsys.readouterr().out
    others = planday.access.admins_of(grant.portal_id)
    jens = next(admin for admin in others if admin.id != grant.admin_id)
    again = planday.authorise(grant.portal_id, grant.app_id, jens.id)
    assert await put(portal.planday_app_id, f" {again.refresh_token}\n")
    shifts = await job
    assert {shift.id for shift in shifts} >= set(planned)


async def _keep(store: FileTokenStore, portal: str, grant: Any) -> None:
    """Put what an administrator of the emulator has granted into a store."""
    await store.save(
        Grant(portal=portal, app_id=grant.app_id, refresh_token=Secret(grant.refresh_token))
    )
