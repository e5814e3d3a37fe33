"""The roster's page of the documentation shows what the code does."""

import re
import runpy
import textwrap
from datetime import UTC, date, datetime, time
from pathlib import Path

import pytest

from planado_async.emulator import Emulator
from planado_async.emulator.records import Shift
from tests import readme

RULES = """
departments = [1001, 1002, 1003]
[[rules]]
department = 1001
territory = "North"
[[rules]]
department = 1002
territory = "Centre"
job_type = "Inspection"
[[rules]]
department = 1003
territory = "South"
"""


async def test_roster_page_shows_its_week(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's code prints the page's table for the page's week, and has written it then."""
    code = tmp_path / "block.py"
    code.write_text(readme.the_block("docs/roster.md", "as_text"), "utf-8")
    carry = runpy.run_path(str(code))["carry"]
    page = (readme.ROOT / "docs/roster.md").read_text("utf-8")
    (shown,) = re.findall(r"^    Person .*?(?=\n\S)", page, re.M | re.S)
    rules, people = tmp_path / "rules.toml", tmp_path / "people.csv"
    rules.write_text(RULES, "utf-8")
    async with Emulator(start=datetime(2026, 1, 5, tzinfo=UTC)) as emulator:
        _plan_the_week(emulator, people, monkeypatch)
        await carry(rules, people, date(2026, 10, 19), date(2026, 10, 25))
        first = capsys.readouterr().out
        await carry(rules, people, date(2026, 10, 19), date(2026, 10, 25))
    assert _without_ids(first) == _without_ids(textwrap.dedent(shown))
    assert "days that change: 0, calls: 0" in capsys.readouterr().out


def _without_ids(text: str) -> str:
    return re.sub(r"\d{5,}", "…", text).strip()


def _plan_the_week(emulator: Emulator, people: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the roster page's week: Anna, Boris and Chloe, hours by hand, and a leave."""
    emulator.settings(time_zone="Europe/Copenhagen")
    account = emulator._account
    assert account is not None
    portal = emulator.planday.data(emulator.planday_portal_id)
    staff, users = [*portal.employees][:3], [*account.state.users][:3]
    rows = [f"{one.id},{user.uuid}\n" for one, user in zip(staff, users, strict=True)]
    people.write_text("".join(["employee,user\n", *rows]), "utf-8")
    for who, day, start, end, status in (
        (0, 19, time(7, 5), time(15), "Assigned"),
        (0, 20, time(7), time(15), "Assigned"),
        (0, 20, time(14), time(16), "Assigned"),
        (0, 24, time(22), time(6), "Assigned"),
        (1, 19, time(8), time(16), "Assigned"),
        (1, 20, time(8), time(16), "Assigned"),
        (2, 19, time(8), time(16), "Draft"),
    ):
        portal.add_shift(
            employee_id=staff[who].id,
            day=date(2026, 10, day),
            start=start,
            end=end,
            status=status,
        )
    portal.add_absence(staff[1].id, date(2026, 10, 20))
    by_hand = [datetime(2026, 10, 21, hour, tzinfo=UTC) for hour in (6, 14)]
    hours = Shift(time_from=by_hand[0], time_to=by_hand[1], working=True)
    account.state.shifts[users[1].uuid] = [hours]
    for name, value in {
        "PLANDAY_APP_ID": emulator.planday_app_id,
        "PLANDAY_REFRESH_TOKEN": emulator.planday_refresh_token,
        "PLANDAY_BASE_URL": emulator.planday_url,
        "PLANDAY_IDENTITY_URL": emulator.identity_url,
        "PLANADO_API_KEY": emulator.api_key,
        "PLANADO_BASE_URL": emulator.url,
    }.items():
        monkeypatch.setenv(name, value)
