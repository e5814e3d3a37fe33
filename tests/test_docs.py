"""Every example in README and docs does what it says."""

import re
import runpy
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from planado_async import Planado, RateLimit
from planado_async.core.limiter_sqlite import SqliteLimiter
from planado_async.emulator import Emulator
from planado_async.webhooks import SqliteInbox, Webhooks
from planado_async.webhooks.receiver import delivery_of
from tests import readme

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
        readme.the_block("README.md", "asyncio.run"),
        readme.the_block("README.md", "hooks.mount"),
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
        readme.the_block("docs/emulator.md", "emulator.act"),
        readme.the_block("docs/webhooks.md", "hooks.check"),
        readme.the_block("docs/webhooks.md", "open_readonly"),
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


async def test_emulator_page_test_passes(tmp_path: Path) -> None:
    """The emulator page's example of a test is one that passes."""
    code = tmp_path / "example.py"
    code.write_text(readme.the_block("docs/emulator.md", "emulator.act"), "utf-8")
    await runpy.run_path(str(code))["test_a_job_is_finished"]()


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
