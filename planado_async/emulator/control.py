"""The control API under /_emulator: what a test or a demo orders, and what it may look at."""

from collections.abc import Callable, Mapping

from attrs import frozen

from planado_async.emulator.account import Account
from planado_async.emulator.records import Json


@frozen
class ControlRoute:
    """Where an order is taken. `run` gets the account, the ids in the path and the body."""

    method: str
    path: str
    run: Callable[[Account, Mapping[str, str], Json], Json]
    status: int = 200
    has_body: bool = False


ROUTES = [
    ControlRoute("POST", "/reset", lambda account, ids, body: account.reset()),
    ControlRoute("GET", "/webhooks", lambda account, ids, body: account.subscriptions()),
    ControlRoute(
        "POST", "/webhooks", lambda account, ids, body: account.subscribe(body), 201, True
    ),
    ControlRoute(
        "DELETE", "/webhooks/{id}", lambda account, ids, body: account.unsubscribe(ids["id"])
    ),
    ControlRoute(
        "POST", "/webhooks/{id}/resume", lambda account, ids, body: account.resume(ids["id"])
    ),
    ControlRoute(
        "POST",
        "/jobs/{id}/actions",
        lambda account, ids, body: account.act(ids["id"], body),
        has_body=True,
    ),
    ControlRoute("GET", "/faults", lambda account, ids, body: account.ordered_faults()),
    ControlRoute(
        "POST", "/faults", lambda account, ids, body: account.order_fault(body), 201, True
    ),
    ControlRoute("DELETE", "/faults", lambda account, ids, body: account.cancel_faults()),
    ControlRoute(
        "DELETE", "/faults/{id}", lambda account, ids, body: account.cancel_faults(ids["id"])
    ),
    ControlRoute("GET", "/counters", lambda account, ids, body: account.count()),
    ControlRoute("GET", "/settings", lambda account, ids, body: account.settings()),
    ControlRoute(
        "PATCH",
        "/settings",
        lambda account, ids, body: account.change_settings(body),
        has_body=True,
    ),
    ControlRoute("GET", "/clock", lambda account, ids, body: account.time()),
]
