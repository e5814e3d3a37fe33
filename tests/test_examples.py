"""The demo runs to its end and tells the truth about what was lost."""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from examples import crm_service, demo
from planado_async.webhooks import Event
from tests.readme import ROOT
from tests.webhooks.making import body


@pytest.mark.timeout(180)
def test_demo_loses_nothing() -> None:
    """The whole demo ends with no refusal, no loss, and its two bad rows told."""
    done = subprocess.run(
        [sys.executable, "examples/demo.py"],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "160"},  # else the table wraps long reasons
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    rows = [line.strip("│ ").split("│", 1) for line in done.stdout.splitlines() if line[:1] == "│"]
    told = {name.strip(): value.strip() for name, value in rows}
    assert (told["lost"], told["events dead"], told["refusals"]) == ("0", "0", "0")
    assert (told["rows ok"], told["rows refused"]) == ("238", "2")
    assert told["events stored"] == told["events handled"] == told["events sent"]
    assert int(told["events repeated"]) > 0
    assert ", 2: " in told["attempts to deliver"]  # those refused while the service was stopped
    assert "row 88 (wo-5087): starts_at is '2027-02-30 09:00'" in done.stdout


def test_orders_are_read_with_their_zone() -> None:
    """A time of the file is local: the offset changes with the clocks."""
    orders, refused = demo.read_orders(ROOT / "examples" / "work_orders.csv")
    assert (len(orders), len(refused)) == (238, 2)
    offsets = {order.job["scheduled_at"].isoformat()[-6:] for order in orders}
    assert offsets == {"+01:00", "+02:00"}
    assert {order.job["job_type"]["code"] for order in orders} == {
        "Inspection",
        "Installation",
        "Meter reading",
        "Repair",
    }


def _report(
    folder: Path, acks: Sequence[float] = (0.001, 0.002), calls: int = 100, **kept: Any
) -> int:
    (folder / "acks.jsonl").write_text(json.dumps(acks) + "\n")
    counters = {
        "events": {"job_created": 3},
        "deliveries": {"attempts": {"1": 3}, "outcomes": {"repeated": 0}},
    }
    end = {"stored": 3, "handled": 3, "waiting": 0, "dead": 0, "orders": {"wo-1": "finished"}}
    pushed = demo.Pushed(jobs=1, refused=[], seconds=3.0)
    return demo.report(
        pushed, {"calls": calls, "refusals": 0}, counters, demo.Kept(**{**end, **kept}), folder, []
    )


@pytest.mark.parametrize(
    ("kept", "code"),
    [
        ({}, 0),
        ({"handled": 2}, 1),
        ({"stored": 2}, 1),
        ({"dead": 1}, 1),
        ({"orders": {}}, 1),
        ({"orders": {"wo-1": "started"}}, 1),
        ({"handled": 2, "orders": {"wo-1": "finished", "wo-2": "finished"}}, 1),
    ],
)
def test_a_loss_is_a_failure(tmp_path: Path, kept: dict[str, Any], code: int) -> None:
    """Anything sent and not handled, or an order the CRM has not seen the end of, exits with 1."""
    assert _report(tmp_path, **kept) == code


@pytest.mark.real_time
async def test_the_crm_does_not_block_the_receiver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the CRM waits for its disk the service goes on to answer."""
    monkeypatch.setenv("PLANADO_WEBHOOK_SECRET", "s")
    begun, gate = threading.Event(), threading.Event()

    def slow(self: crm_service.Crm, event: Event) -> None:
        begun.set()
        assert gate.wait(30)

    monkeypatch.setattr(crm_service.Crm, "record", slow)
    server = TestServer(crm_service.service(tmp_path), host="127.0.0.1")
    async with TestClient(server) as client, asyncio.timeout(20):
        for number in range(2):
            sent = await client.post(
                "/planado", data=body(f"e{number}"), headers={"X-Planado-Secret": "s"}
            )
            assert sent.status == 204
            await asyncio.to_thread(begun.wait, 10)
        gate.set()


def test_a_day_without_figures_is_told(tmp_path: Path) -> None:
    """With hardly a call and no times of answers the table is printed all the same."""
    assert demo.acknowledged(tmp_path / "acks.jsonl") == ("unknown", "unknown")
    assert _report(tmp_path, acks=[0.001], calls=1) == 0


@pytest.mark.real_time
async def test_a_service_that_ends_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A service that does not come up is told as soon as it has ended."""
    monkeypatch.setattr(demo, "HERE", tmp_path)  # where no service is
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ChildProcessError, match="status 2"):
            await demo.Service(tmp_path).start(session)


@pytest.mark.real_time
async def test_waiting_in_vain_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A condition that never comes true raises, naming what was waited for."""
    monkeypatch.setattr(demo, "WAIT_AT_MOST", 0.0)

    async def never() -> bool:
        await asyncio.sleep(0)
        return False

    with pytest.raises(TimeoutError, match="the moon"):
        await demo.until(never, "the moon")
