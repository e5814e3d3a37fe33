"""The control API of Planday's half, under /_emulator/planday.

Portals and administrators are named by their numbers, apps by their App ID.
"""

from collections.abc import Callable, Mapping
from typing import Any

from attrs import asdict, frozen

from planado_async.emulator.account import Account
from planado_async.emulator.checks import Rule, Rules, read, text, whole
from planado_async.emulator.control import ControlRoute
from planado_async.emulator.errors import invalid, not_found
from planado_async.emulator.planday.access import (
    ADMIN_RULES,
    APP_RULES,
    DEPARTMENTS_RULE,
    NAME,
    PORTAL_RULES,
)
from planado_async.emulator.planday.emulator import PlandayEmulator
from planado_async.emulator.planday.records import Admin, App, Grant, Portal
from planado_async.emulator.records import Json

PREFIX = "/planday"


@frozen
class Order:
    """An order, with the ids in its path and its body."""

    planday: PlandayEmulator
    ids: Mapping[str, str]
    body: Json

    @property
    def app_id(self) -> str:
        """The App ID in the path."""
        return self.ids["app"]

    def number(self, name: str) -> int:
        """A number in the path."""
        given = self.ids[name]
        if not (given.isascii() and given.isdigit() and len(given) < 20):
            raise not_found()
        return int(given)

    def fields(self, rules: Rules) -> dict[str, Any]:
        """What the body says, or 422 with every field at fault."""
        values, errors = read(rules, self.body, creating=True)
        errors |= {name: ["is no part of this order"] for name in self.body if name not in rules}
        if errors:
            raise invalid(errors)
        return values


def _view(record: Portal | Admin | App | Grant) -> Json:
    """A record as JSON."""
    return asdict(
        record,
        value_serializer=lambda of, field, value: (
            sorted(value) if isinstance(value, frozenset) else value
        ),
    )


# --- Portals and administrators -------------------------------------------------------------------


def _portals(order: Order) -> Json:
    return {"portals": [_view(portal) for portal in order.planday.access.portals.values()]}


def _add_portal(order: Order) -> Json:
    return {"portal": _view(order.planday.add_portal(**order.fields(PORTAL_RULES)))}


def _admins(order: Order) -> Json:
    return {"admins": [_view(each) for each in order.planday.access.admins_of(_portal(order))]}


def _add_admin(order: Order) -> Json:
    return _admin(order.planday.add_admin(_portal(order), **order.fields(ADMIN_RULES)))


def _limit_admin(order: Order) -> Json:
    rules = {"department_ids": Rule(DEPARTMENTS_RULE.check, required=True, nullable=True)}
    limits = order.fields(rules)
    return _admin(order.planday.limit_admin(_portal(order), order.number("admin"), **limits))


def _deactivate_admin(order: Order) -> Json:
    return _admin(order.planday.deactivate_admin(_portal(order), order.number("admin")))


def _reactivate_admin(order: Order) -> Json:
    return _admin(order.planday.reactivate_admin(_portal(order), order.number("admin")))


def _portal(order: Order) -> int:
    return order.number("portal")


def _admin(admin: Admin) -> Json:
    return {"admin": _view(admin)}


# --- Apps and grants ------------------------------------------------------------------------------


def _apps(order: Order) -> Json:
    """The portal's list of apps, each with the token on its tile."""
    return {"apps": [_tile(order, app) for app in order.planday.access.apps_in(_portal(order))]}


def _tile(order: Order, app: App) -> Json:
    grant = order.planday.access.live_grant(app.app_id, _portal(order))
    return {**_view(app), "refresh_token": None if grant is None else grant.refresh_token}


def _create_app(order: Order) -> Json:
    return {"app": _view(order.planday.create_app(_portal(order), **order.fields(APP_RULES)))}


def _connect_app(order: Order) -> Json:
    told = order.fields({"app_id": Rule(text(), required=True)})
    return {"app": _view(order.planday.connect_app(_portal(order), **told))}


def _rename_app(order: Order) -> Json:
    told = order.fields({"name": NAME})
    return {"app": _view(order.planday.rename_app(_portal(order), order.app_id, **told))}


def _delete_app(order: Order) -> Json:
    return {"app": _view(order.planday.delete_app(_portal(order), order.app_id))}


def _authorise(order: Order) -> Json:
    told = order.fields({"admin_id": Rule(whole(1), required=True)})
    return {"grant": _view(order.planday.authorise(_portal(order), order.app_id, **told))}


def _revoke(order: Order) -> Json:
    return {"grant": _view(order.planday.revoke(_portal(order), order.app_id))}


# --- The orders -----------------------------------------------------------------------------------


def _route(
    method: str,
    path: str,
    run: Callable[[Order], Json],
    *,
    status: int = 200,
    has_body: bool = False,
) -> ControlRoute:
    def ordered(account: Account, ids: Mapping[str, str], body: Json) -> Json:
        return run(Order(account.planday, ids, body))

    return ControlRoute(method, PREFIX + path, ordered, status, has_body)


PORTAL, ADMIN, APP = (
    "/portals/{portal}",
    "/portals/{portal}/admins/{admin}",
    "/portals/{portal}/apps/{app}",
)
ROUTES = [
    _route("GET", "/portals", _portals),
    _route("POST", "/portals", _add_portal, status=201, has_body=True),
    _route("GET", f"{PORTAL}/admins", _admins),
    _route("POST", f"{PORTAL}/admins", _add_admin, status=201, has_body=True),
    _route("PATCH", ADMIN, _limit_admin, has_body=True),
    _route("POST", f"{ADMIN}/deactivate", _deactivate_admin),
    _route("POST", f"{ADMIN}/reactivate", _reactivate_admin),
    _route("GET", f"{PORTAL}/apps", _apps),
    _route("POST", f"{PORTAL}/apps", _create_app, status=201, has_body=True),
    _route("POST", f"{PORTAL}/connect", _connect_app, has_body=True),
    _route("PATCH", APP, _rename_app, has_body=True),
    _route("DELETE", APP, _delete_app),
    _route("POST", f"{APP}/authorise", _authorise, status=201, has_body=True),
    _route("POST", f"{APP}/revoke", _revoke),
    _route("GET", "/settings", lambda order: order.planday.settings()),
    _route("PATCH", "/settings", lambda order: order.planday.settings(**order.body), has_body=True),
    _route("GET", "/faults", lambda order: order.planday.ordered_faults()),
    _route(
        "POST",
        "/faults",
        lambda order: order.planday.order_fault(order.body),
        status=201,
        has_body=True,
    ),
    _route("DELETE", "/faults", lambda order: order.planday.cancel_faults()),
    _route(
        "DELETE",
        "/faults/{number}",
        lambda order: order.planday.cancel_faults(order.number("number")),
    ),
    _route("GET", "/counters", lambda order: order.planday.counters()),
]
