"""Joins clients and webhooks: heals an inbox from Planado's log, carries Planday's roster over."""

from planado_async.sync.listings import Missing
from planado_async.sync.repair import Alarm, Polling, Repair, RepairReport
from planado_async.sync.roster import Applied, Roster
from planado_async.sync.roster_people import match
from planado_async.sync.roster_plan import (
    DayChange,
    Known,
    Person,
    Plan,
    Problem,
    Stretch,
    Timelines,
    Write,
    plan,
)
from planado_async.sync.roster_report import (
    CHANGES,
    COLUMNS,
    NOTHING_TO_DO,
    PROBLEMS,
    as_json,
    as_text,
    exit_code,
    rows,
    summary,
)
from planado_async.sync.roster_rules import (
    STATUSES,
    WORKING,
    Place,
    RosterRules,
    Rounding,
    Rule,
    people_from,
    rules_from,
)

__all__ = [
    "CHANGES",
    "COLUMNS",
    "NOTHING_TO_DO",
    "PROBLEMS",
    "STATUSES",
    "WORKING",
    "Alarm",
    "Applied",
    "DayChange",
    "Known",
    "Missing",
    "Person",
    "Place",
    "Plan",
    "Polling",
    "Problem",
    "Repair",
    "RepairReport",
    "Roster",
    "RosterRules",
    "Rounding",
    "Rule",
    "Stretch",
    "Timelines",
    "Write",
    "as_json",
    "as_text",
    "exit_code",
    "match",
    "people_from",
    "plan",
    "rows",
    "rules_from",
    "summary",
]
