"""The fixtures work in users' projects, and do nothing in those that do not use them."""

import subprocess
import sys
from collections.abc import Sequence

import pytest

pytest_plugins = ["pytester"]

HEAVY = ("aiohttp", "attrs", "orjson", "planado_async.emulator", "planado_async.public", "sqlite3")

PROJECT = """
    import pytest
    from aiohttp import web
    from planado_async.webhooks import Webhooks

    @pytest.fixture
    def hooks(planado_webhook_secret):
        return Webhooks(":memory:", secret=planado_webhook_secret)

    @pytest.fixture
    def handled(hooks):
        events = []

        @hooks.on("job_*")
        async def handle(event):
            events.append(event)

        return events

    @pytest.mark.asyncio
    async def test_the_emulator_answers_the_client(planado_emulator, planado_client):
        await planado_client.jobs.create(external_id="wo-1")
        job = await planado_client.jobs.get("wo-1")
        assert planado_emulator.counters()["calls"] == 2
        assert job.status == "posted"

    @pytest.mark.asyncio
    async def test_each_test_has_an_account_of_its_own(planado_client):
        assert await planado_client.jobs.list().collect() == []

    @pytest.mark.asyncio
    async def test_the_emulator_has_a_roster(planado_emulator, planday_client):
        portal = await planday_client.portal.info()
        assert portal.id == planado_emulator.planday_portal_id

    @pytest.mark.asyncio
    async def test_an_app_gets_events(hooks, handled, deliver, planado_event):
        app = web.Application()
        hooks.mount(app, "/planado")
        event = planado_event("job_finished", external_id="wo-1", version=3)
        assert await deliver(app, event) == 204
        assert await deliver(app, event, attempt=2) == 204
        await hooks.settled()
        assert [event.entity.external_id for event in handled] == ["wo-1"]

    @pytest.mark.asyncio
    async def test_an_asgi_app_gets_events(hooks, handled, deliver, planado_event):
        assert await deliver(hooks.asgi(), planado_event("job_finished")) == 204
        await hooks.settled()
        assert len(handled) == 1

    def test_events_are_the_same_in_every_test(planado_event):
        assert planado_event("job_started")["event_uuid"] == "%s"

    @pytest.mark.asyncio
    async def test_events_of_the_emulator_reach_a_service(
        planado_emulator, planado_client, hooks, handled, planado_webhook_secret
    ):
        from aiohttp.test_utils import TestServer

        app = web.Application()
        hooks.mount(app, "/planado")
        async with TestServer(app) as server:
            url = str(server.make_url("/planado"))
            planado_emulator.subscribe(url, planado_webhook_secret)
            await planado_client.jobs.create(external_id="wo-1")
            await planado_emulator.settled()
            await hooks.settled()
        assert [event.event_type for event in handled] == ["job_created"]
"""
FIRST_EVENT = "a1730774-f748-56e6-b492-fb6942f44b68"


def _run(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    """Run a project as its user would, with every plugin that is installed."""
    scope = "asyncio_default_fixture_loop_scope=function"  # unset, pytest-asyncio warns
    return pytester.runpytest_subprocess("-W", "error", "-o", scope, *options)


@pytest.mark.real_time
@pytest.mark.parametrize("mode", ["strict", "auto"])
def test_every_fixture_works(pytester: pytest.Pytester, mode: str) -> None:
    """Emulator, client, events and deliveries are there in both modes of pytest-asyncio."""
    pytester.makepyfile(PROJECT % FIRST_EVENT)
    _run(pytester, "--asyncio-mode", mode).assert_outcomes(passed=7)


@pytest.mark.real_time
def test_options_are_overridden(pytester: pytest.Pytester) -> None:
    """A project, and a single test, changes emulator, client and secret by fixtures."""
    pytester.makeconftest("""
        import pytest
        from planado_async import RateLimit

        @pytest.fixture
        def planado_emulator_options():
            return {"rate": 90, "seed": 7}

        @pytest.fixture
        def planado_client_options():
            return {"rate": RateLimit(90, burst=5), "deadline": 3.0}

        @pytest.fixture
        def planado_webhook_secret():
            return "mine"
        """)
    pytester.makepyfile("""
        import pytest

        pytestmark = pytest.mark.asyncio

        async def test_of_the_project(planado_emulator, planado_client, planado_webhook_secret):
            assert planado_emulator.settings()["settings"]["rate"] == 90
            assert planado_client.budget.burst == 5
            assert planado_webhook_secret == "mine"

        @pytest.mark.parametrize("planado_emulator_options", [{"burst": 3}])
        async def test_of_one(planado_emulator, planado_client):
            assert planado_emulator.settings()["settings"]["burst"] == 3
        """)
    _run(pytester).assert_outcomes(passed=2)


@pytest.mark.real_time
def test_by_default_nothing_waits(pytester: pytest.Pytester) -> None:
    """More calls than any budget has go out at once, and none is refused."""
    pytester.makepyfile("""
        import asyncio
        import pytest

        @pytest.mark.asyncio
        async def test_calls(planado_emulator, planado_client):
            async with asyncio.timeout(30):
                for _ in range(150):
                    await planado_client.request("GET", "/jobs")
            assert planado_client.budget.eta == 0
            assert planado_emulator.counters()["refusals"] == 0
        """)
    _run(pytester).assert_outcomes(passed=1)


@pytest.mark.real_time
@pytest.mark.parametrize(
    "options", [("-p", "no:asyncio"), ("-p", "hidden")], ids=["disabled", "not installed"]
)
@pytest.mark.parametrize("fixture", ["planado_emulator", "planado_client", "deliver"])
def test_what_is_missing_is_named(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: Sequence[str], fixture: str
) -> None:
    """Without pytest-asyncio the asynchronous fixtures say what to install; the others work."""
    if "hidden" in options:
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        pytester.makepyfile(hidden='import sys\nsys.modules["pytest_asyncio"] = None')
        options = (*options, "-p", "planado_async.pytest_plugin")
    pytester.syspathinsert()
    pytester.makepyfile(f"""
        def test_events(planado_event):
            assert planado_event("site_created")["site"]["version"] == 1

        def test_missing({fixture}):
            pass
        """)
    done = pytester.runpytest_subprocess(*options)
    done.assert_outcomes(passed=1, errors=1)
    done.stdout.fnmatch_lines(["*planado_async needs the plugin pytest-asyncio: pip install*"])


@pytest.mark.real_time
def test_a_project_that_does_not_use_it_is_left_alone(pytester: pytest.Pytester) -> None:
    """Sync tests, asyncio's and anyio's run as ever, and nothing heavy has been loaded for them."""
    pytester.makepyfile(f"""
        import sys
        import pytest

        def test_sync():
            assert "planado_async.pytest_plugin" in sys.modules
            assert set(sys.modules).isdisjoint({HEAVY!r})

        @pytest.mark.anyio
        async def test_anyio(anyio_backend):
            assert anyio_backend == "asyncio"

        @pytest.fixture
        def anyio_backend():
            return "asyncio"

        @pytest.mark.asyncio
        async def test_asyncio():
            pass

        @pytest.fixture
        def deliver():
            return "mine"

        def test_own_fixture_of_a_name(deliver):
            assert deliver == "mine"
        """)
    _run(pytester, "--strict-markers", "--strict-config").assert_outcomes(passed=4)


def test_loading_it_imports_pytest_and_pytest_asyncio_alone() -> None:
    """Beside these two and what Python brings, the plugin and its package are all that is new."""
    code = "import pytest, pytest_asyncio, sys; before = {*sys.modules}; "
    code += "import planado_async.pytest_plugin; print(*{*sys.modules} - before)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    roots = {name.partition(".")[0] for name in done.stdout.split()}
    assert roots - sys.stdlib_module_names == {"planado_async"}


@pytest.mark.parametrize("unwanted", HEAVY)
def test_loading_it_is_cheap(unwanted: str) -> None:
    """Pytest loads the plugin in every project, so it brings no library along."""
    code = "import pytest, planado_async.pytest_plugin, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "planado_async.pytest_plugin" in loaded
    assert unwanted not in loaded
