"""Switches of Planday's half, mostly where the service is not known."""

from typing import Any

from attrs import evolve, frozen

from planado_async.emulator.checks import Rule, boolean, number, one_of, read, whole
from planado_async.emulator.errors import invalid

FASTEST = 1e6


@frozen(kw_only=True)
class PlandaySettings:
    """How Planday's half behaves. Spans are in emulated seconds, limits in calls per window.

    Identity: `access_token_for` and `code_for` are lifetimes. `full_refresh_answer`: a refresh is
    answered with all six keys, else with the access token alone. `rotate_refresh_tokens`: each
    refresh gives a new refresh token. `error_description`: refusals carry a text.
    `replace_grants`: authorising again kills the token of before. `withdrawal_is_immediate`: a
    token withdrawn by the client takes its access tokens along.

    Calls: `portal_per_second` … `client_per_minute` are the four limits. `count_refused`: a refused
    call fills the windows too. `retry_after`: refusals carry that header. `check_client_id`:
    X-ClientId must be the token's app. `empty_refusals`: 401, 403 and 429 have no body.
    `null_keys`: what is null is written, not left out. `list_order` is `ascending` or `descending`
    by id. `clamp_limit`: a `limit` out of range is brought into it in scheduling too, where it is
    else refused. `punch_clock_page` is the longest page of punches. `to_inclusive`: the day `to`
    is part of the span. `modified_from_inclusive`: what changed at `modifiedFrom` itself is told.

    Staff: `leave_at_date`: who is dismissed for later stays active until then. `special` without
    its scope is `omitted` or `refused`. `show_deactivated`: a deactivated employee can be read by
    id. `unknown_employee_400`: an id that is none is bad input, not missing.
    `supervisor_on_creation`: a new employee may come with a supervisor.

    Shifts: `shift_times` are `local` minutes or have `Z`, `zulu`. `list_drafts`: drafts are told
    where no status is asked for. `refuse_overlaps` and `refuse_locked_days` are conflicts.
    `replace_shifts`: what the update of a shift does not name is emptied, but its draft state.
    """

    access_token_for: float = 3600.0
    code_for: float = 300.0
    full_refresh_answer: bool = True
    rotate_refresh_tokens: bool = False
    error_description: bool = False
    replace_grants: bool = True
    withdrawal_is_immediate: bool = False
    portal_per_second: int = 20
    portal_per_minute: int = 750
    client_per_second: int = 100
    client_per_minute: int = 2000
    count_refused: bool = False
    retry_after: bool = False
    check_client_id: bool = True
    empty_refusals: bool = True
    null_keys: bool = False
    list_order: str = "ascending"
    clamp_limit: bool = False
    punch_clock_page: int = 50
    to_inclusive: bool = True
    modified_from_inclusive: bool = False
    leave_at_date: bool = True
    special: str = "omitted"
    show_deactivated: bool = True
    unknown_employee_400: bool = False
    supervisor_on_creation: bool = False
    shift_times: str = "local"
    list_drafts: bool = True
    refuse_overlaps: bool = True
    refuse_locked_days: bool = True
    replace_shifts: bool = True


_SWITCH = Rule(boolean)
_SPAN = Rule(number(1, FASTEST))
_LIMIT = Rule(whole(1))
RULES = {
    "access_token_for": _SPAN,
    "code_for": _SPAN,
    "full_refresh_answer": _SWITCH,
    "rotate_refresh_tokens": _SWITCH,
    "error_description": _SWITCH,
    "replace_grants": _SWITCH,
    "withdrawal_is_immediate": _SWITCH,
    "portal_per_second": _LIMIT,
    "portal_per_minute": _LIMIT,
    "client_per_second": _LIMIT,
    "client_per_minute": _LIMIT,
    "count_refused": _SWITCH,
    "retry_after": _SWITCH,
    "check_client_id": _SWITCH,
    "empty_refusals": _SWITCH,
    "null_keys": _SWITCH,
    "list_order": Rule(one_of("ascending", "descending")),
    "clamp_limit": _SWITCH,
    "punch_clock_page": _LIMIT,
    "to_inclusive": _SWITCH,
    "modified_from_inclusive": _SWITCH,
    "leave_at_date": _SWITCH,
    "special": Rule(one_of("omitted", "refused")),
    "show_deactivated": _SWITCH,
    "unknown_employee_400": _SWITCH,
    "supervisor_on_creation": _SWITCH,
    "shift_times": Rule(one_of("local", "zulu")),
    "list_drafts": _SWITCH,
    "refuse_overlaps": _SWITCH,
    "refuse_locked_days": _SWITCH,
    "replace_shifts": _SWITCH,
}


def changed(settings: PlandaySettings, changes: dict[str, Any]) -> PlandaySettings:
    """The settings with some of them changed; a name that is none is refused."""
    values, errors = read(RULES, changes, creating=False)
    errors |= {name: ["is no setting"] for name in changes if name not in RULES}
    if errors:
        raise invalid(errors)
    return evolve(settings, **values)
