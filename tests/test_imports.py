"""What an import of the package brings along, and what it does not."""

import subprocess
import sys

import pytest

import planado_async


def loaded_by(statement: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has loaded after a statement."""
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "unwanted",
    [
        "aiohttp.web",
        "opentelemetry",
        "planado_async.core.otel",
        "planado_async.emulator",
        "planado_async.webhooks",
        "rich",
        "sqlite3",
        "_sqlite3",
    ],
)
def test_the_client_alone_stays_light(unwanted: str) -> None:
    """A script that only calls the API loads neither server nor database."""
    assert unwanted not in client_alone()


_seen: list[set[str]] = []


def client_alone() -> set[str]:
    if not _seen:
        _seen.append(loaded_by("from planado_async import Planado"))
    return _seen[0]


def test_planday_brings_neither_server_nor_planado() -> None:
    """Its client loads no web server, whose page is imported by itself, and no other client."""
    loaded = loaded_by("import planado_async.planday")
    assert loaded.isdisjoint(
        {
            "aiohttp.web",
            "opentelemetry",
            "planado_async.emulator",
            "planado_async.planado",
            "planado_async.planday.connect",
            "planado_async.webhooks",
            "sqlite3",
        }
    )
    assert "planado_async.planday" not in client_alone()


def test_the_receiver_brings_no_framework() -> None:
    """Whoever receives on aiohttp needs neither Starlette nor an ASGI server."""
    loaded = loaded_by("import planado_async.webhooks")
    assert loaded.isdisjoint({"starlette", "fastapi", "uvicorn", "h11", "pydantic"})


def test_the_emulator_brings_nothing_of_the_client() -> None:
    """It stands alone, so that it can disagree."""
    ours = {
        name
        for name in loaded_by("import planado_async.emulator")
        if name.startswith("planado_async.webhooks")
    }
    assert ours == set()


def test_public_names_come_late() -> None:
    """The package alone loads nothing; it tells its names, brings them, and knows no others."""
    assert "aiohttp" not in loaded_by("import planado_async")
    assert {"Planado", "__version__", "diff"} <= set(dir(planado_async))
    with pytest.raises(AttributeError, match="'planado_async' has no attribute 'Planadoo'"):
        getattr(planado_async, "Planadoo")  # noqa: B009  # checkers know it is not there
