from itertools import pairwise
from typing import Any

import pytest

from tests.emulator.api import Api


async def path(api: Api) -> str:
    """The first worker's shifts."""
    return f"/users/{(await api.get('/users'))['users'][0]['uuid']}/shifts"


async def lay(api: Api, *shifts: dict[str, Any]) -> None:
    reply = await api.send("PATCH", await path(api), {"shifts": list(shifts)})
    assert (reply.status, reply.raw) == (204, b"")


async def timeline(api: Api, after: str, before: str) -> list[Any]:
    answer = await api.get(f"{await path(api)}?after={after}&before={before}")
    pieces: list[Any] = answer["timeline"]
    return pieces


def short(piece: dict[str, Any]) -> str:
    sign = "+" if piece["working"] else "-"
    return f"{sign}{piece['time_from'][8:16]}..{piece['time_to'][8:16]}"


async def test_empty_days(api: Api) -> None:
    """Without shifts, each day is one piece off duty."""
    pieces = await timeline(api, "2026-02-02", "2026-02-04")
    assert [short(piece) for piece in pieces] == ["-02T00:00..03T00:00", "-03T00:00..04T00:00"]
    assert pieces[0] == {
        "time_from": "2026-02-02T00:00:00+00:00",
        "time_to": "2026-02-03T00:00:00+00:00",
        "working": False,
        "territory": None,
        "job_type": None,
    }
    assert await timeline(api, "2026-02-02", "2026-02-02") == []


async def test_timeline_without_gaps(api: Api) -> None:
    """Shifts cut the days; a night shift is cut at midnight."""
    await lay(
        api,
        {
            "time_from": "2026-02-02T09:00:00+01:00",
            "time_to": "2026-02-02T17:15:00+01:00",
            "job_type": {"code": "Repair"},
            "territory": {"name": "North"},
        },
        {"time_from": "2026-02-03T22:00:00Z", "time_to": "2026-02-04T06:00:00Z"},
    )
    pieces = await timeline(api, "2026-02-02", "2026-02-05")
    assert [short(piece) for piece in pieces] == [
        "-02T00:00..02T08:00",
        "+02T08:00..02T16:15",
        "-02T16:15..03T00:00",
        "-03T00:00..03T22:00",
        "+03T22:00..04T00:00",
        "+04T00:00..04T06:00",
        "-04T06:00..05T00:00",
    ]
    assert pieces[1]["job_type"].keys() == {"uuid", "code"}
    assert pieces[1]["territory"]["name"] == "North"
    assert all(left["time_to"] == right["time_from"] for left, right in pairwise(pieces))


async def test_later_write_covers_the_earlier(api: Api) -> None:
    """A new span hides what it covers, and may be off duty."""
    await lay(api, {"time_from": "2026-02-02T08:00:00Z", "time_to": "2026-02-02T16:00:00Z"})
    await lay(
        api,
        {"time_from": "2026-02-02T12:00:00Z", "time_to": "2026-02-02T13:00:00Z", "working": False},
    )
    await lay(api, {"time_from": "2026-02-02T15:00:00Z", "time_to": "2026-02-02T18:00:00Z"})
    assert [short(piece) for piece in await timeline(api, "2026-02-02", "2026-02-03")] == [
        "-02T00:00..02T08:00",
        "+02T08:00..02T12:00",
        "-02T12:00..02T13:00",
        "+02T13:00..02T15:00",
        "+02T15:00..02T18:00",
        "-02T18:00..03T00:00",
    ]


async def test_days_of_the_account(api: Api) -> None:
    """Days begin at midnight of the account's time zone, on the day the clocks change too."""
    api.emulator.settings(time_zone="Europe/Berlin")
    pieces = await timeline(api, "2026-03-29", "2026-03-30")
    assert pieces[0]["time_from"] == "2026-03-29T00:00:00+01:00"
    assert pieces[0]["time_to"] == "2026-03-30T00:00:00+02:00"


async def test_a_week_at_most(api: Api) -> None:
    """Seven days may be read and written, not one more."""
    assert len(await timeline(api, "2026-02-02", "2026-02-09")) == 7
    await lay(api, {"time_from": "2026-02-02T00:00:00Z", "time_to": "2026-02-09T00:00:00Z"})
    await lay(api)
    body = {"shifts": [{"time_from": "2026-02-02T00:00:00Z", "time_to": "2026-02-09T00:15:00Z"}]}
    errors = await api.errors("PATCH", await path(api), body)
    assert errors == {"shifts": ["must not span more than a week"]}


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("", {"after", "before"}),
        ("after=2026-02-02", {"before"}),
        ("after=2026-02-02&before=2026-02-10", {"before"}),
        ("after=2026-02-02&before=2026-02-01", {"before"}),
        ("after=2026-2-2&before=2026-02-30", {"after", "before"}),
        ("after=0001-01-01&before=9999-12-31", {"after", "before"}),
        ("after=2026-02-02T00:00:00Z&before=2026-02-03", {"after"}),
    ],
)
async def test_wrong_days(api: Api, query: str, fields: set[str]) -> None:
    """Both days are needed, as dates, a week apart at most."""
    assert (await api.errors("GET", f"{await path(api)}?{query}", None)).keys() == fields


SPAN = {"time_from": "2026-02-02T08:00:00Z", "time_to": "2026-02-02T16:00:00Z"}


@pytest.mark.parametrize(
    ("shifts", "text"),
    [
        ([{**SPAN, "time_to": "2026-02-02T16:10:00Z"}], "time_to must be on a quarter of an hour"),
        ([{**SPAN, "time_to": "2026-02-02T16:00:01Z"}], "time_to must be on a quarter of an hour"),
        ([{**SPAN, "time_to": SPAN["time_from"]}], "time_to must be after time_from"),
        ([{"time_to": SPAN["time_to"]}], "time_from can't be blank"),
        ([SPAN, SPAN], "must not overlap"),
        ([{**SPAN, "working": "yes"}], "working must be true or false"),
        ([{**SPAN, "job_type": {"code": "none"}}], "must exist"),
        ([{**SPAN, "territory": {"name": "West"}}], "must exist"),
        ({}, "must be an array"),
        (None, "can't be null"),
    ],
)
async def test_wrong_shifts(api: Api, shifts: object, text: str) -> None:
    """Shifts against the rules are refused and change nothing."""
    errors = await api.errors("PATCH", await path(api), {"shifts": shifts})
    assert errors == {"shifts": [text]}
    assert len(await timeline(api, "2026-02-02", "2026-02-03")) == 1


async def test_unknown_user(api: Api) -> None:
    """Nobody's shifts are 404."""
    nobody = "/users/1eeb37c1-0000-6000-8000-000000000000/shifts"
    assert (await api.send("GET", f"{nobody}?after=2026-02-02&before=2026-02-03")).status == 404
    assert (await api.send("PATCH", nobody, {"shifts": []})).status == 404
