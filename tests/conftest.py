"""What every test shares: virtual time, counts and figures of reliability, a watch over the logs.

aioresponses is made to fit the installed aiohttp.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from unittest.mock import Mock

import aiohttp
import aioresponses.core
import hypothesis
import pytest

from planado_async.emulator.planday.access import Access
from tests.canary import PLANTED, Canaries, Watch
from tests.disk import fdatasync
from tests.virtual_time import VirtualTimeLoop

pytest_plugins = ["tests.browser"]

# A shared machine stalls now and then, which says nothing of the code. Too slow is the same.
hypothesis.settings.register_profile(
    "shared_machine", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("shared_machine")

_FIGURES = pytest.StashKey[dict[str, dict[str, object]]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    told = "run the reliability tests with all their counts, and print their figures"
    parser.addoption("--full", action="store_true", help=told)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_time: run on an ordinary loop (threads, processes)")
    config.stash[_FIGURES] = {}


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run async tests in virtual time unless they are marked `real_time`."""
    if item.get_closest_marker("real_time"):
        return {"real": asyncio.SelectorEventLoop}
    return {"virtual": VirtualTimeLoop}


# --- Reliability ----------------------------------------------------------------------------------


@pytest.fixture
def scaled(pytestconfig: pytest.Config) -> Callable[[int], int]:
    """Tell how many of a full run's rounds or calls to do: all with `--full`, else a tenth."""
    full = pytestconfig.getoption("--full")
    return lambda count: count if full else max(1, count // 10)


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Take what a test has measured, as keywords, to print it when all is done."""

    def tell(**measured: object) -> None:
        request.config.stash[_FIGURES].setdefault(request.node.name, {}).update(measured)

    return tell


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the figures after a full run."""
    if config.getoption("--full") and config.stash[_FIGURES]:
        terminalreporter.section("figures")
        terminalreporter.write_line(f"fdatasync of this machine: {fdatasync()}")
        for test, measured in config.stash[_FIGURES].items():
            told = ", ".join(f"{name} {value}" for name, value in measured.items())
            terminalreporter.write_line(f"{test}: {told}")


# --- Secrets --------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def watch() -> Watch:
    """Read all logs of the session, at DEBUG."""
    watch = Watch(Canaries(*PLANTED))
    watch.begin()
    _plant_what_the_emulator_gives_out(watch)
    return watch


def _plant_what_the_emulator_gives_out(watch: Watch) -> None:
    """Look for every refresh token, access token and code of Planday's too."""
    for name in ("_refresh_token", "opaque_jwt"):
        setattr(Access, name, _planting(watch, getattr(Access, name)))


def _planting(watch: Watch, make: Callable[..., str]) -> Callable[..., str]:
    return lambda *given: watch.plant(make(*given))


@pytest.fixture(autouse=True)
def no_log_shows_a_secret(watch: Watch) -> Iterator[None]:
    """Fail a test under which a planted secret comes up in a log."""
    yield
    assert not watch.end()


# --- aioresponses ---------------------------------------------------------------------------------


class _ClientResponse(aiohttp.ClientResponse):
    """Takes the argument that aiohttp 3.14 added and aioresponses does not pass yet."""

    def __init__(self, *args: Any, stream_writer: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, stream_writer=stream_writer or Mock(output_size=0), **kwargs)


setattr(aioresponses.core, "ClientResponse", _ClientResponse)  # noqa: B010  # not its own name
