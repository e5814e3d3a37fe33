"""How the roster is carried over."""

from datetime import date
from typing import assert_type

from planado_async import Planado
from planado_async.planday import Planday
from planado_async.sync import (
    Applied,
    Place,
    Plan,
    Roster,
    RosterRules,
    Rule,
    exit_code,
    people_from,
    rules_from,
)


async def carry(planday: Planday, planado: Planado) -> int:
    rules = RosterRules(
        rules=[Rule(department=1, place=Place(territory="North")), Rule()],
        people={"17": "uuid", "S-4": "uuid"},
        absent=[31],
    )
    roster = Roster(planday, planado, rules)
    plan = await roster.plan(date(2026, 3, 2), date(2026, 3, 8))
    assert_type(plan, Plan)
    applied = await roster.apply(plan)
    assert_type(applied, Applied)
    await roster.plan("2026-03-02", date(2026, 3, 8))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    RosterRules(rounding="up")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    return exit_code(plan, applied.problems)


def settings() -> RosterRules:
    return rules_from({"rounding": "in"}, people_from("people.csv"))
