"""A day's work orders into Planado and back, with nothing lost.

    python examples/demo.py

Starts an emulated Planado 20 times as fast as the real one and a receiving service, each a process
of its own. Pushes the orders of a CSV file within the call budget, lets the technicians work, stops
the service in the middle and starts it again, and counts what became of everything.
"""

import asyncio
import csv
import json
import os
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import aiohttp
from attrs import frozen
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from planado_async import Planado, RateLimit
from planado_async.webhooks import SqliteInbox

HERE = Path(__file__).parent
SPEED = 20
RATE = RateLimit(60, per=60.0 / SPEED, burst=55)
SERVER_BURST = 60
SECRET = "an-example-secret"
ZONE = ZoneInfo("Europe/Berlin")
WAIT_AT_MOST = 40.0  # seconds for the events to come in and be handled

T = TypeVar("T")

console = Console()


# --- The file -------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Order:
    """A row of the file, as Planado wants it."""

    row: int
    external_id: str
    client_id: str
    client: dict[str, Any]
    site_id: str
    site: dict[str, Any]
    job: dict[str, Any]


def read_orders(path: Path) -> tuple[list[Order], list[str]]:
    """Return the orders of a file, and for each row that is none its number and what is wrong."""
    orders: list[Order] = []
    refused: list[str] = []
    with path.open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            try:
                orders.append(_order(number, row))
            except ValueError as reason:
                refused.append(f"row {number} ({row['order_id']}): {reason}")
    return orders, refused


def _order(number: int, row: dict[str, str]) -> Order:
    starts_at = _cell(row, "starts_at", datetime.fromisoformat).replace(tzinfo=ZONE)
    minutes = _cell(row, "minutes", int)
    place = {name: _cell(row, name, float) for name in ("latitude", "longitude")}
    contacts = [{"name": row["client_name"], "value": row["phone"], "type": "phone"}]
    return Order(
        row=number,
        external_id=row["order_id"],
        client_id=row["client_id"],
        client={**_names(row), "contacts": contacts},
        site_id=row["site_id"],
        site={
            "name": f"{row['client_name']}, {row['site_name']}",
            "address": {"formatted": row["address"], "geolocation": place},
            "client": {"external_id": row["client_id"]},
        },
        job={
            "external_id": row["order_id"],
            "job_type": {"code": row["job_type"]},
            "description": row["description"],
            "scheduled_at": starts_at,
            "scheduled_duration": timedelta(minutes=minutes),
            "client": {"external_id": row["client_id"]},
            "site": {"external_id": row["site_id"]},
            "contacts": contacts,
        },
    )


def _cell(row: dict[str, str], column: str, read: Callable[[str], T]) -> T:
    try:
        return read(row[column])
    except ValueError as reason:
        raise ValueError(f"{column} is {row[column]!r}: {reason}") from None


def _names(row: dict[str, str]) -> dict[str, Any]:
    if row["client_kind"] == "organization":
        return {"organization": True, "organization_name": row["client_name"]}
    first, last = row["client_name"].split(" ", 1)
    return {"organization": False, "first_name": first, "last_name": last}


# --- The processes --------------------------------------------------------------------------------


@asynccontextmanager
async def process(*arguments: str, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a Python process, and stop it with SIGTERM at the end."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
    )
    try:
        yield child
    finally:
        await stop(child)


async def stop(child: asyncio.subprocess.Process) -> None:
    """Ask a process to end, and wait until it has."""
    if child.returncode is None:
        child.send_signal(signal.SIGTERM)
        await child.wait()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Service:
    """The receiving service, which can be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{free_port()}/planado"
        self._folder = folder
        self._child: asyncio.subprocess.Process | None = None

    async def start(self, session: aiohttp.ClientSession) -> None:
        port = self.url.removesuffix("/planado").rsplit(":", 1)[1]
        self._child = await asyncio.create_subprocess_exec(
            *(sys.executable, str(HERE / "crm_service.py")),
            *("--port", port, "--folder", str(self._folder), "--speed", str(SPEED)),
            env={**os.environ, "PLANADO_WEBHOOK_SECRET": SECRET},
        )
        await until(lambda: self._answers(session), "the receiving service to start")

    async def stop(self) -> None:
        if self._child:
            await stop(self._child)

    def check(self) -> None:
        """Raise ChildProcessError if the service has ended by itself."""
        if self._child and self._child.returncode is not None:
            raise ChildProcessError(f"the service ended with status {self._child.returncode}")

    async def _answers(self, session: aiohttp.ClientSession) -> bool:
        self.check()
        try:
            async with session.get(self.url) as response:
                return response.status == 405
        except aiohttp.ClientError:
            return False


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    """Wait until an awaited condition holds, or raise TimeoutError."""
    give_up_at = time.monotonic() + WAIT_AT_MOST
    while not await condition():
        if time.monotonic() > give_up_at:
            raise TimeoutError(f"waited {WAIT_AT_MOST:.0f} s in vain for {what}")
        await asyncio.sleep(0.1)


class Control:
    """The emulator's control API: what happens in the account by other hands."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def post(self, path: str, **body: Any) -> Any:
        async with self._session.post(self._url + path, json=body) as response:
            answer = await response.json()
            if not response.ok:
                raise RuntimeError(f"{path}: {answer}")
            return answer

    async def counters(self) -> Any:
        async with self._session.get(f"{self._url}/counters") as response:
            return await response.json()


# --- The day --------------------------------------------------------------------------------------


@frozen(kw_only=True)
class Pushed:
    """What the morning's push came to."""

    jobs: int
    refused: list[str]
    seconds: float


async def push(planado: Planado, orders: list[Order]) -> Pushed:
    """Write clients, sites and jobs within the budget, with a bar for each."""
    users = await planado.users.list().collect()
    workers = [user.uuid for user in users if _completes_jobs(user.permissions)]
    clients = {order.client_id: order.client for order in orders}
    sites = {order.site_id: order.site for order in orders}

    async def client(item: tuple[str, dict[str, Any]]) -> str:
        return await planado.clients.upsert(item[0], **item[1])

    async def site(item: tuple[str, dict[str, Any]]) -> str:
        return await planado.sites.upsert(item[0], **item[1])

    async def job(order: Order) -> str:
        worker = workers[order.row % len(workers)]
        return await planado.jobs.create(**order.job, assignee={"worker": {"uuid": worker}})

    began = time.monotonic()
    refused: list[str] = []
    with _bars() as bars:
        refused += await _all(planado, bars, "clients", client, clients.items())
        refused += await _all(planado, bars, "sites", site, sites.items())
        refused += await _all(planado, bars, "jobs", job, orders)
    return Pushed(jobs=len(orders), refused=refused, seconds=time.monotonic() - began)


def _completes_jobs(permissions: Any) -> bool:
    mobile = (permissions or {}).get("mobile") or {}
    return bool((mobile.get("jobs") or {}).get("complete"))


async def _all(
    planado: Planado, bars: Progress, what: str, fn: Callable[[Any], Any], items: Iterable[Any]
) -> list[str]:
    items = list(items)
    bar = bars.add_task(what, total=len(items))
    report = await planado.bulk(
        fn, items, on_progress=lambda progress: bars.update(bar, completed=progress.done)
    )
    return [f"{_named(item)}: {error}" for item, error in report.failed]


def _named(item: Any) -> str:
    return f"row {item.row} ({item.external_id})" if isinstance(item, Order) else str(item[0])


def _bars() -> Progress:
    return Progress(
        TextColumn("{task.description:>8}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )


ROUNDS = (
    ("en_route",),
    ("start",),
    ("suspend", "resume"),
    ("finish",),
)


async def technicians_work(control: Control, orders: list[Order], *rounds: tuple[str, ...]) -> None:
    """Let the technicians do the jobs: each sets out, starts and finishes; some pause or cancel."""
    for actions in rounds:
        for number, order in enumerate(orders):
            for action in _pressed(actions, number):
                ending = {"resolution": "Done"} if action == "finish" else {}
                await control.post(f"/jobs/{order.external_id}/actions", action=action, **ending)


def _pressed(actions: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Return what the technician of a job presses: every 20th customer cancels, every 4th waits."""
    if number % 20 == 19:
        return ("cancel",) if actions == ("en_route",) else ()
    if "suspend" in actions and number % 4:
        return ()
    return actions


@frozen(kw_only=True)
class Kept:
    """What the inbox and the CRM hold."""

    stored: int
    handled: int
    waiting: int
    dead: int
    orders: dict[str, str]


async def kept(folder: Path) -> Kept:
    """Look into the service's files, beside the running service."""
    async with SqliteInbox.open_readonly(folder / "inbox.db") as inbox:
        counts = await inbox.counts()
    crm = sqlite3.connect(f"file:{folder / 'crm.db'}?mode=ro", uri=True)
    try:
        handled = crm.execute("SELECT count(*) FROM handled").fetchone()[0]
        orders = dict(crm.execute("SELECT external_id, status FROM orders"))
    finally:
        crm.close()
    stored = counts.waiting + counts.done + counts.dead
    return Kept(
        stored=stored, handled=handled, waiting=counts.waiting, dead=counts.dead, orders=orders
    )


async def run(folder: Path) -> int:
    orders, bad_rows = read_orders(HERE / "work_orders.csv")
    for reason in bad_rows:
        console.print(f"[yellow]left out[/] {reason}", highlight=False)
    emulator = ("-m", "planado_async.emulator", "--port", "0", "--seed", "7")
    figures = ("--rate", "60", "--burst", str(SERVER_BURST), "--speed", str(SPEED))
    async with process(*emulator, *figures) as child, aiohttp.ClientSession() as session:
        assert child.stdout is not None
        told = json.loads(await child.stdout.readline())
        control, service = Control(session, told["control_url"]), Service(folder)
        try:
            await service.start(session)
            return await day(told, control, service, session, orders, bad_rows, folder)
        finally:
            await service.stop()


async def day(
    told: dict[str, str],
    control: Control,
    service: Service,
    session: aiohttp.ClientSession,
    orders: list[Order],
    bad_rows: list[str],
    folder: Path,
) -> int:
    await control.post("/webhooks", url=service.url, secret=SECRET, name="CRM")
    await control.post("/faults", kind="delivery_repeat", count=None, probability=0.05)
    async with Planado(told["api_key"], base_url=told["planado_url"], rate=RATE) as planado:
        pushed = await push(planado, orders)
    calls = await control.counters()

    console.print("technicians set out; the receiving service stops in the middle")
    setting_out, starting, *rest = ROUNDS
    work = asyncio.create_task(technicians_work(control, orders, setting_out))
    await asyncio.sleep(0.2)
    await service.stop()  # while events are on their way
    await work
    await technicians_work(control, orders, starting)

    async def some_refused() -> bool:
        return bool((await control.counters())["deliveries"]["outcomes"]["failed"])

    await until(some_refused, "a delivery that nobody takes")
    await service.start(session)
    await technicians_work(control, orders, *rest)

    async def all_in() -> bool:
        service.check()
        counters, now = await control.counters(), await kept(folder)
        return bool(now.handled >= sum(counters["events"].values()) and not now.waiting)

    emitted = await settle(all_in, control)
    await service.stop()
    return report(pushed, calls, emitted, await kept(folder), folder, bad_rows)


async def settle(all_in: Callable[[], Awaitable[bool]], control: Control) -> Any:
    """Wait until everything is handled, or long enough; return the emulator's last word."""
    try:
        await until(all_in, "every event to be handled")
    except (TimeoutError, ChildProcessError) as reason:
        console.print(f"[red]{reason}[/]")
    return await control.counters()


def report(
    pushed: Pushed, calls: Any, counters: Any, end: Kept, folder: Path, bad_rows: list[str]
) -> int:
    """Print the table; return 1 if anything was lost."""
    emitted = sum(counters["events"].values())
    deliveries = counters["deliveries"]
    optimum = max(0.0, calls["calls"] - SERVER_BURST) * RATE.interval
    refused = [*bad_rows, *pushed.refused]
    ok = pushed.jobs - len(pushed.refused)
    open_orders = [
        order for order, status in end.orders.items() if status not in ("finished", "canceled")
    ]
    # Each at least 0, so that an order too many does not make up for an event that is missing.
    unhandled, unseen = max(0, emitted - end.handled), max(0, ok - len(end.orders))
    lost = unhandled + unseen + len(open_orders)
    p50, p99 = acknowledged(folder / "acks.jsonl")
    table = Table(title="What became of the day", show_header=False)
    for name, value in (
        ("calls", calls["calls"]),
        ("refusals", calls["refusals"]),
        ("time of the push", f"{pushed.seconds:.1f} s"),
        ("the bucket's optimum", f"{optimum:.1f} s{_times(pushed.seconds, optimum)}"),
        ("rows ok", ok),
        ("rows refused", len(refused)),
        *((f"  {number}", reason) for number, reason in enumerate(refused, start=1)),
        ("events sent", emitted),
        ("attempts to deliver", ", ".join(f"{n}: {c}" for n, c in deliveries["attempts"].items())),
        ("events stored", end.stored),
        ("events handled", end.handled),
        ("events repeated", deliveries["outcomes"]["repeated"]),
        ("events dead", end.dead),
        ("lost", lost),
        ("acknowledged, p50", p50),
        ("acknowledged, p99", p99),
    ):
        table.add_row(name, str(value))
    console.print(table)
    return 1 if lost or end.dead or end.stored < emitted else 0


def _times(seconds: float, optimum: float) -> str:
    return f" ({seconds / optimum:.2f} times)" if optimum else ""


def acknowledged(path: Path) -> tuple[str, str]:
    """Return the 50th and 99th percentile of the times the service wrote down."""
    lines = path.read_text().splitlines() if path.exists() else []
    times = [seconds for line in lines for seconds in json.loads(line)]
    if len(times) < 2:  # quantiles needs two
        return "unknown", "unknown"
    percentiles = quantiles(times, n=100)
    return f"{percentiles[49] * 1000:.1f} ms", f"{percentiles[98] * 1000:.1f} ms"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="planado-demo-") as folder:
        raise SystemExit(asyncio.run(run(Path(folder))))


if __name__ == "__main__":
    main()
