"""A plan for people and for machines: a table, JSON, an exit code."""

from collections.abc import Iterable, Sequence
from typing import Any

from planado_async.sync.roster_plan import DayChange, Plan, Problem, Stretch

NOTHING_TO_DO, CHANGES, PROBLEMS = 0, 1, 3
"""Exit codes; 2 is what the command line's own mistakes end with."""

COLUMNS = ("Person", "Day", "Before", "After")


def exit_code(plan: Plan, problems: Iterable[Problem] = ()) -> int:
    """Return what a command ends with: problems before changes; notes are none."""
    if any(not each.note for each in (*plan.problems, *problems)):
        return PROBLEMS
    return CHANGES if plan.writes else NOTHING_TO_DO


def rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """Return a row for each person and day that changes, under `COLUMNS`."""
    return [
        (
            change.person.name or str(change.person.employee_id),
            f"{change.day:%a %Y-%m-%d}",
            _shown(change.before),
            _shown(change.after),
        )
        for change in plan.changes
    ]


def as_text(plan: Plan) -> str:
    """Return the table, what was left out, and the problems, in plain text."""
    lines = _aligned([COLUMNS, *rows(plan)]) if plan.changes else []
    return "\n".join([*lines, *([""] if lines else []), *summary(plan)])


def summary(plan: Plan) -> list[str]:
    """Return the lines that follow the table."""
    ignored = ", ".join(f"{count} {status}" for status, count in sorted(plan.ignored.items()))
    return [
        f"people: {plan.people}, days that change: {len(plan.changes)}, calls: {len(plan.writes)}",
        *([f"shifts that do not count as working: {ignored}"] if ignored else []),
        *(f"{'note' if each.note else 'problem'}: {each.text}" for each in plan.problems),
    ]


def as_json(plan: Plan) -> dict[str, Any]:
    """Return all of a plan as JSON's values; moments in ISO 8601, with their offset."""
    return {
        "people": plan.people,
        "calls": len(plan.writes),
        "ignored": dict(plan.ignored),
        "changes": [_change(each) for each in plan.changes],
        "problems": [
            {
                "kind": each.kind,
                "text": each.text,
                "employee_id": each.employee_id,
                "shift_id": each.shift_id,
                "note": each.note,
            }
            for each in plan.problems
        ],
    }


def _change(change: DayChange) -> dict[str, Any]:
    return {
        "employee_id": change.person.employee_id,
        "user_uuid": change.person.user_uuid,
        "name": change.person.name,
        "day": change.day.isoformat(),
        "before": [_stretch(each) for each in change.before],
        "after": [_stretch(each) for each in change.after],
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    place = stretch.place
    return {
        "from": stretch.start.isoformat(),
        "to": stretch.end.isoformat(),
        "territory": place.territory if place else None,
        "job_type": place.job_type if place else None,
    }


def _shown(stretches: Sequence[Stretch]) -> str:
    return ", ".join(map(_span, stretches)) or "free"


def _span(stretch: Stretch) -> str:
    midnight = stretch.end.date() > stretch.start.date() and f"{stretch.end:%H:%M}" == "00:00"
    end = "24:00" if midnight else f"{stretch.end:%H:%M}"
    place = stretch.place
    words = filter(None, [place.territory, place.job_type] if place else [])
    return " ".join([f"{stretch.start:%H:%M}-{end}", *words])


def _aligned(table: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    padded = ("  ".join(map(str.ljust, row, widths)).rstrip() for row in table)
    return list(padded)
