"""Switches that can be turned while the emulator runs, mostly where the service is not known."""

from typing import Any

from attrs import asdict, evolve, frozen

from planado_async.emulator.checks import Rule, boolean, number, one_of, read, time_zone
from planado_async.emulator.errors import invalid

FASTEST = 1e6


@frozen(kw_only=True)
class Settings:
    """How the emulator behaves.

    `rate` is calls leaked per 60 emulated seconds, `burst` the bucket's size. `retry_after`, in
    emulated seconds, adds that header to refusals. `require_trigger_header`: changes by API fire
    webhooks only with `X-Planado-Trigger-Webhooks: true`. `strict_version`: a PATCH with another
    `version` than the current one is answered 409. `template_oddity`: a job made from a template
    loses the description and contacts of its body. `open_user_creation`: POST /users works.
    `site_slip`: a site read by external_id comes under "sites". `location_key` is the spelling
    of a location's `captured_at`. `time_zone` is the account's, in which shifts are told.
    `log_deliveries`: attempts to deliver webhooks are written into their log.
    """

    rate: float = 60.0
    burst: float = 60.0
    retry_after: float | None = None
    require_trigger_header: bool = False
    strict_version: bool = False
    template_oddity: bool = False
    open_user_creation: bool = False
    site_slip: bool = True
    location_key: str = "captured_at"
    time_zone: str = "UTC"
    log_deliveries: bool = True


_SWITCH = Rule(boolean)
RULES = {
    "rate": Rule(number(1e-3, FASTEST)),
    "burst": Rule(number(1, FASTEST)),
    "retry_after": Rule(number(0, FASTEST), nullable=True),
    "require_trigger_header": _SWITCH,
    "strict_version": _SWITCH,
    "template_oddity": _SWITCH,
    "open_user_creation": _SWITCH,
    "site_slip": _SWITCH,
    "location_key": Rule(one_of("captured_at", "catured_at")),
    "time_zone": Rule(time_zone),
    "log_deliveries": _SWITCH,
}


def changed(settings: Settings, changes: dict[str, Any]) -> Settings:
    """The settings with some of them changed; a name that is none is refused."""
    values, errors = read(RULES, changes, creating=False)
    errors |= {name: ["is no setting"] for name in changes if name not in RULES}
    if errors:
        raise invalid(errors)
    return evolve(settings, **values)


def view(settings: Settings) -> dict[str, Any]:
    """The settings as JSON."""
    return asdict(settings)
