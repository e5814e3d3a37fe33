"""/webhooks: subscriptions and their delivery logs. The API makes none; the control API does."""

from planado_async.emulator import hooks
from planado_async.emulator.calls import Answer, Call, Route


def list_webhooks(call: Call) -> Answer:
    """A page of subscriptions, oldest first."""
    page = call.deliveries.hooks.page(call.query.get("after"))
    return Answer(200, {"webhooks": [hooks.view(hook) for hook in page]})


def list_requests(call: Call) -> Answer:
    """A page of a subscription's delivery log, newest first, a row for each attempt."""
    page = call.deliveries.get(call.id).log.page(call.query.get("after"))
    return Answer(200, {"requests": [hooks.row_view(row) for row in page]})


ROUTES = [
    Route("GET", "/webhooks", list_webhooks),
    Route("GET", "/webhooks/{id}/requests", list_requests),
]
