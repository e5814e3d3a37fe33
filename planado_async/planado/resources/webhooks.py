"""Webhooks: the subscriptions, which only the web app makes, and the log of deliveries."""

from typing import Unpack

from planado_async.core.pages import Pages
from planado_async.planado.models import Webhook, WebhookRequest
from planado_async.planado.resources.resource import Resource
from planado_async.planado.writes import Listing


class WebhookSubscriptions(Resource):
    """The calls under `/webhooks`."""

    def list(self, **options: Unpack[Listing]) -> Pages[Webhook]:
        """Walk over the account's subscriptions (docs: Webhooks, List)."""
        return self._list("/webhooks", key="webhooks", model=Webhook, given=options, whole=True)

    def deliveries(self, uuid: str, **options: Unpack[Listing]) -> Pages[WebhookRequest]:
        """Walk over the attempts to deliver a subscription's events (docs: Webhooks, Requests)."""
        return self._list(
            "/webhooks/{id}/requests",
            uuid,
            key="requests",
            model=WebhookRequest,
            given=options,
            whole=True,
        )
