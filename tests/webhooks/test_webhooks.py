"""Inbox, receiver and dispatcher behind one object."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import attrs
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

import planado_async.webhooks as package
from planado_async.core.errors import ConfigurationError
from planado_async.core.secret import Secret
from planado_async.webhooks import JobEvent, SqliteInbox, StorageError, Webhooks, webhooks_key
from tests.webhooks.making import SECRET, body, delivery

URL = "https://crm.example.test/planado"


@attrs.frozen(kw_only=True)
class Subscribed:
    """A webhook of an account."""

    uuid: str = "w1"
    url: str | None = URL
    event_types: Sequence[str] = ("job_finished", "job_started")
    secret: str | Secret | None = SECRET


class Account:
    """A client whose account has certain webhooks."""

    def __init__(self, *subscribed: Subscribed) -> None:
        self.subscribed = subscribed

    @property
    def webhooks(self) -> "Account":
        return self

    async def list(self) -> AsyncIterator[Subscribed]:
        for one in self.subscribed:
            yield one


@pytest.mark.real_time
async def test_five_lines_are_enough(tmp_path: Path) -> None:
    """Mounted in an app, it stores, answers and handles; it ends with the app and begins anew."""
    for life in range(2):
        handled: asyncio.Queue[JobEvent] = asyncio.Queue()
        hooks = Webhooks(tmp_path / "inbox.db", secret=SECRET)

        @hooks.on("job_*")
        async def handle(event: JobEvent, handled: asyncio.Queue[JobEvent] = handled) -> None:
            await handled.put(event)

        app = web.Application()
        hooks.mount(app, "/planado")
        assert app[webhooks_key] is hooks
        async with TestClient(TestServer(app, host="127.0.0.1")) as client:
            headers = {"X-Planado-Secret": SECRET}
            for path in ("/planado", "/planado/"):
                sent = body(f"e{life}", "job_finished")
                assert (await client.post(path, data=sent, headers=headers)).status == 204
            event = await asyncio.wait_for(handled.get(), 30)
            assert event.event_uuid == f"e{life}"
            assert handled.empty()
        with pytest.raises(StorageError):
            await hooks.inbox.counts()


async def test_it_runs_without_a_web_app() -> None:
    """`async with` opens the inbox and dispatches what is put."""
    handled = asyncio.Event()
    hooks = Webhooks(":memory:", secret=SECRET)

    @hooks.on("*")
    async def handle(event: JobEvent) -> None:
        handled.set()

    async with hooks:
        client = TestClient(TestServer(hooks.receiver(), host="127.0.0.1"))
        async with client:
            await client.post("/", data=body(), headers={"X-Planado-Secret": SECRET})
            await handled.wait()


async def test_settled_waits_for_the_handlers() -> None:
    """It returns when all that was stored is done or dead, the attempts of a failing one too."""
    calls: list[str] = []
    hooks = Webhooks(":memory:", secret=SECRET, speed=100)

    @hooks.on("job_*")
    async def handle(event: JobEvent) -> None:
        calls.append(event.event_uuid)
        await asyncio.sleep(0.5)
        if calls.count("e1") < 3:
            raise OSError

    async with hooks:
        await hooks.settled(timeout=0)
        await hooks.inbox.put(delivery("e1"))
        await hooks.inbox.put(delivery("e2", "site_updated"))
        with pytest.raises(
            TimeoutError, match=r"1 deliveries .* 0\.2 s, 1 of their runs in a handler"
        ):
            await hooks.settled(timeout=0.2)
        await hooks.settled()
        assert calls == ["e1"] * 3
        counts = await hooks.inbox.counts()
        assert (counts.done, counts.unhandled, counts.waiting) == (2, 1, 0)


async def test_a_given_inbox_stays_open() -> None:
    """An inbox that was passed in is not closed by the one who uses it."""
    async with SqliteInbox(":memory:") as inbox:
        async with Webhooks(inbox, secret=SECRET) as hooks:
            assert hooks.inbox is inbox
        assert (await inbox.counts()).waiting == 0


@pytest.mark.real_time
async def test_two_on_one_file_are_refused(tmp_path: Path) -> None:
    """The second one on a file is refused when it starts, and the first goes on."""
    path = tmp_path / "inbox.db"
    async with Webhooks(path, secret=SECRET) as first:
        with pytest.raises(ConfigurationError, match="in use"):
            await Webhooks(path, secret=SECRET).__aenter__()
        assert (await first.inbox.counts()).waiting == 0


def test_the_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an argument the variable counts; without both the error names both."""
    monkeypatch.delenv("PLANADO_WEBHOOK_SECRET", raising=False)
    with pytest.raises(ConfigurationError, match=r"`secret`.*PLANADO_WEBHOOK_SECRET"):
        Webhooks(":memory:")
    Webhooks(":memory:", insecure=True)
    monkeypatch.setenv("PLANADO_WEBHOOK_SECRET", "from-there")
    assert Webhooks(":memory:")._secrets == (Secret("from-there"),)
    monkeypatch.setenv("PLANADO_WEBHOOK_SECRET", "")
    with pytest.raises(ConfigurationError, match="empty"):
        Webhooks(":memory:")


@pytest.mark.parametrize("path", ["postgresql://u:pw@db/x", "postgres://db/x"])
def test_postgresql_is_not_available_yet(path: str) -> None:
    """An address of PostgreSQL is refused clearly, without showing its password."""
    with pytest.raises(ConfigurationError, match="not available yet") as caught:
        Webhooks(path, secret=SECRET)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("path", ["", "/", "planado"])
def test_a_mount_needs_a_path(path: str) -> None:
    """A path that aiohttp could not mount at is refused with an example."""
    with pytest.raises(ConfigurationError, match="'/planado'"):
        Webhooks(":memory:", secret=SECRET).mount(web.Application(), path)


def hooks_for(*patterns: str, secret: str | None = SECRET) -> Webhooks:
    hooks = Webhooks(":memory:", secret=secret, insecure=secret is None)
    for pattern in patterns:

        async def handle(event: JobEvent) -> None: ...

        hooks.on(pattern, name=pattern)(handle)
    return hooks


OTHER = Subscribed(uuid="w2", url="https://other.test/", event_types=["site_created"], secret="x")


@pytest.mark.parametrize(
    ("patterns", "subscribed", "url"),
    [
        (["job_finished", "job_*", "*"], [Subscribed()], URL),
        (["job_finished"], [Subscribed(url=URL + "/"), OTHER], URL),
        (["job_finished"], [Subscribed(secret=Secret(SECRET)), OTHER], None),
        ([], [Subscribed()], URL),
    ],
)
async def test_a_good_account_has_no_problems(
    patterns: list[str], subscribed: list[Subscribed], url: str | None
) -> None:
    """With URL, secret and event types right, the check is ok."""
    report = await hooks_for(*patterns).check(Account(*subscribed), url=url)
    assert report.problems == []
    assert report.ok


async def test_without_secrets_none_are_compared() -> None:
    """A receiver that takes everything does not mind a webhook without a secret."""
    hooks = hooks_for("job_*", secret=None)
    assert (await hooks.check(Account(Subscribed(secret=None)))).ok


@pytest.mark.parametrize(
    ("subscribed", "url", "said"),
    [
        ([], None, ["No webhook sends to this receiver", "tick: job_finished, site_*"]),
        ([OTHER], URL, [f"No webhook sends to {URL}", f"the URL {URL}", "site_*"]),
        ([Subscribed(secret="else")], URL, ["w1", "another secret", "set the secret"]),
        ([Subscribed(secret=None)], None, ["w1", "no secret"]),
        ([Subscribed(), Subscribed(uuid="w2")], URL, ["2 webhooks send to", "remove all but one"]),
        ([Subscribed(event_types=["site_created"])], URL, ["'job_finished'", "tick the event"]),
        ([Subscribed()], None, ["'site_*'"]),
    ],
)
async def test_the_check_says_what_to_click(
    subscribed: list[Subscribed], url: str | None, said: list[str]
) -> None:
    """Every problem is a sentence that names the thing and the place in Planado."""
    report = await hooks_for("job_finished", "site_*").check(Account(*subscribed), url=url)
    assert not report.ok
    assert any(all(part in problem for part in said) for problem in report.problems)
    assert all("Settings / Integrations / Webhooks" in problem for problem in report.problems)
    assert SECRET not in str(report)


@pytest.mark.parametrize(
    ("patterns", "sent", "said"),
    [
        (
            ["job_finished"],
            ["job_finished", "job_updated"],
            ["strict", "Register", "'job_updated'"],
        ),
        (["job_*"], ["job_finished"], ["no webhook sends it", "tick job_updated", "Integrations"]),
        (["*"], ["site_created"], ["tick site_updated"]),
        (["client_created"], ["client_created"], ["Register it for 'client_updated'"]),
        (["job_*", "site_created"], ["job_updated", "site_created"], ["'site_updated'"]),
        (["job_finished", "job_updated"], ["job_finished"], ["waits for 'job_updated'", "tick"]),
        (["job_*"], ["job_updated", "job_finished"], None),
        (["job_finished", "job_updated"], ["job_updated", "job_finished", "site_created"], None),
        (["*"], ["job_updated", "invoice_paid"], None),
    ],
)
async def test_the_check_finds_gaps_for_ever(
    patterns: list[str], sent: list[str], said: list[str] | None
) -> None:
    """A strict handler that does not hear of every change is told what to tick or to register."""
    hooks = Webhooks(":memory:", secret=SECRET)

    async def handle(event: JobEvent) -> None: ...

    for pattern in patterns:
        hooks.on(pattern, name="h", order="strict")(handle)
        hooks.on(pattern, name=f"mirror {pattern}", order="latest")(handle)
    report = await hooks.check(Account(Subscribed(event_types=sent)))
    problems = [problem for problem in report.problems if "mirror" not in problem]
    assert len(set(problems)) == (said is not None)
    assert all(part in problems[0] for part in said or [])


def test_the_public_names_are_sorted_and_there() -> None:
    """`__all__` is sorted and every name in it exists."""
    assert package.__all__ == sorted(package.__all__)
    assert all(hasattr(package, name) for name in package.__all__)


def test_importing_the_package_brings_neither_server_nor_sqlite() -> None:
    """`import planado_async` loads neither aiohttp.web nor sqlite3; the webhooks package does."""
    code = "import sys, planado_async; print({'aiohttp.web', 'sqlite3'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
