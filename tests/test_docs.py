"""Every example in README and docs does what it says."""

import re
import runpy
import sys
from pathlib import Path

import pytest

from planado_async import Planado
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
