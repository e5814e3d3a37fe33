"""The roster's settings, in code and from files."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from planado_async import ConfigurationError
from planado_async.sync import WORKING, Place, RosterRules, Rule, people_from, rules_from
from planado_async.sync.roster_rules import Rounding, rounded

FILE = """
rounding = "in"
working = ["Assigned", "Draft"]
absent = [31, 32]
departments = [1, 2]
zone = "Europe/Copenhagen"

[[rules]]
department = [1, 2]
position = 4000
territory = "North"
job_type = "Repair"

[[rules]]
employee_group = 20
shift_type = [7]
"""


def test_a_file_says_all_settings() -> None:
    """Every setting may stand in a TOML file; a number alone is a list of one."""
    assert rules_from(tomllib.loads(FILE), {"S1": "U-1"}) == RosterRules(
        rounding="in",
        working={"Assigned", "Draft"},
        absent=[31, 32],
        departments=[1, 2],
        zone="Europe/Copenhagen",
        people={"S1": "u-1"},
        rules=[
            Rule(
                department=[1, 2],
                position=4000,
                place=Place(territory="North", job_type="Repair"),
            ),
            Rule(employee_group=[20], shift_type=7),
        ],
    )


def test_an_empty_file_is_the_default() -> None:
    """Nothing said: any shift somebody works counts, wherever, and everybody's hours follow."""
    assert rules_from({}) == RosterRules()
    assert RosterRules().working == WORKING
    assert RosterRules().rules == (Rule(),)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rouding": "in"}, "takes no 'rouding'"),
        ({"people": {}}, "takes no 'people'"),
        ({"rounding": "up"}, "rounding takes out, in, nearest, not 'up'"),
        ({"rounding": ["in"]}, "rounding takes"),
        ({"working": ["Asigned"]}, r"not \['Asigned'\]"),
        ({"working": []}, "working takes .*, not none"),
        ({"working": "Assigned"}, "working takes a list"),
        ({"working": [["Assigned"]]}, "working takes names of statuses, not "),
        ({"working": [1, "Assigned"]}, "working takes names of statuses, not "),
        ({"absent": ["sick"]}, "'sick'.* are no ids"),
        ({"absent": "31"}, "are no ids"),
        ({"departments": [True]}, "are no ids"),
        ({"zone": "Mars/Olympus"}, "zone: 'Mars/Olympus' is no time zone"),
        ({"zone": 5}, "zone takes an IANA name, not 5"),
        ({"rules": {"department": 1}}, "rules takes a list"),
        ({"rules": ["North"]}, r"rules\[0\] takes names and values"),
        ({"rules": [{}, {"departments": 1}]}, r"rules\[1\] takes no 'departments'"),
        ({"rules": [{"department": "North"}]}, r"rules\[0\]: 'North' are no ids"),
        ({"rules": [{"territory": 5}]}, r"rules\[0\].territory takes a name"),
    ],
)
def test_what_is_no_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    """A slip in the file is told by its name, not passed over."""
    with pytest.raises(ConfigurationError, match=message):
        rules_from(settings)


def test_people_come_from_a_table(tmp_path: Path) -> None:
    """Columns are known by name, in any order; a mark at the file's begin and blanks do no harm."""
    file = tmp_path / "people.csv"
    file.write_text("user,name,employee\nu-1,Anna, 7 \n u-2 ,,S1001\n\n , ,\n,,\n", "utf-8-sig")
    assert people_from(file) == {"7": "u-1", "S1001": "u-2"}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("employee,user\n7,u-1\n8,\n", 3),
        ("employee,user\n7\n", 2),
        ("employee,user\n7,u-1\n\n7,u-2\n", 4),
        ("employee,user\n7,u-1\n , \n,u-2\n", 4),
    ],
)
def test_a_bad_line_is_refused(tmp_path: Path, text: str, line: int) -> None:
    """A missing value, and an employee named again, are told with the line."""
    file = tmp_path / "people.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=f"line {line} needs"):
        people_from(file)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("", r"\[\]"),
        ("\n", r"\[\]"),
        ("employee,person\n", r"\['employee', 'person'\]"),
        ("employee,person\n7,u-1\n", r"\['employee', 'person'\]"),
        ("employee;user\n7;u-1\n", r"\['employee;user'\]"),
        ("employee,user,user\n7,u-1,u-2\n", r"\['employee', 'user', 'user'\]"),
    ],
)
def test_a_table_without_its_columns_is_refused(tmp_path: Path, text: str, columns: str) -> None:
    """An empty file, or one of other columns, would tell nobody and say nothing."""
    file = tmp_path / "people.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError, match=f"employee and user once .* it has {columns}"):
        people_from(file)


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_a_table_in_another_encoding_is_refused(tmp_path: Path, encoding: str) -> None:
    """The message names the file, of which there are two."""
    file = tmp_path / "people.csv"
    file.write_text("employee,user\n7,ü\n", encoding)
    with pytest.raises(ConfigurationError, match=r"people.csv: no CSV file in UTF-8"):
        people_from(file)


@pytest.mark.parametrize(
    ("rounding", "start", "end"),
    [("out", "06:45", "15:15"), ("in", "07:00", "15:00"), ("nearest", "07:00", "15:00")],
)
def test_rounding_is_to_quarters(rounding: Rounding, start: str, end: str) -> None:
    """Down and up, up and down, or to the nearest; what is on a quarter stays."""
    day = datetime(2026, 3, 2, tzinfo=UTC)
    given = day.replace(hour=6, minute=53), day.replace(hour=15, minute=7)
    first, last = rounded(*given, rounding)
    assert (f"{first:%H:%M}", f"{last:%H:%M}") == (start, end)
    assert rounded(first, last, rounding) == (first, last)
