"""Joins the client and the webhooks: heals an inbox from Planado's own log of deliveries."""

from planado_async.sync.listings import Missing
from planado_async.sync.repair import Alarm, Polling, Repair, RepairReport

__all__ = ["Alarm", "Missing", "Polling", "Repair", "RepairReport"]
