"""How repairs are written; only type-checked, never run."""

# An expected error that vanished is itself an error, to both checkers.
# pyright: reportUnnecessaryTypeIgnoreComment=true

from collections.abc import Sequence
from datetime import datetime
from typing import assert_type

from planado_async import Planado
from planado_async.sync import Alarm, Missing, Polling, Repair, RepairReport
from planado_async.webhooks import Dispatcher, SqliteInbox, Webhooks


async def repairing(planado: Planado, inbox: SqliteInbox, since: datetime) -> None:
    async def refetch(missing: Sequence[Missing]) -> None: ...

    def tell(alarm: Alarm) -> None: ...

    repair = Repair(planado, "w", inbox, every=60.0, on_alarm=tell, on_refetch=refetch)
    Webhooks(inbox, repair=repair)
    Dispatcher(inbox, repair=repair)
    assert_type(await repair(), RepairReport)
    assert_type(await repair.missed(since), Sequence[Missing])
    for kind, uuid, version in (await repair()).refetch:
        assert_type((kind, uuid, version), tuple[str, str, int | None])
    async with Polling(planado, "w", inbox, every=10.0, newest_first=False):
        ...

    Repair(planado, "w", inbox, since="2026-01-01")  # type: ignore[arg-type]
    Polling(planado, "w", inbox, pace=10.0)  # type: ignore[call-arg]
    Webhooks(inbox, repair=True)  # type: ignore[arg-type]
