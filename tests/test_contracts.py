"""The import contracts hold, and each would notice its violation."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.readme import ROOT


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package and its contracts."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "planado_async", tmp_path / "planado_async", ignore=ignored)
    return tmp_path


def test_contracts_hold(copy: Path) -> None:
    """The package as it is keeps every contract."""
    done = _lint_imports(copy)
    assert done.returncode == 0, done.stdout
    assert " 0 broken" in done.stdout


@pytest.mark.parametrize(
    ("module", "imported"),
    [
        ("core/errors.py", "planado_async.core.limiter"),
        ("core/retry.py", "planado_async.core.transport"),
        ("core/transport.py", "planado_async.planado.models"),
        ("planado/models.py", "planado_async.core.transport"),
        ("planado/models.py", "cattrs"),
        ("planado/resources/jobs.py", "planado_async.planado.resources.sites"),
        ("planday/models/hr.py", "cattrs"),
        ("planday/models/hr.py", "planado_async.core.transport"),
        ("planday/tokens.py", "planado_async.planday.authorisation"),
        ("planday/client.py", "planado_async.planday.connect"),
        ("planday/client.py", "planado_async.planado.models"),
        ("planday/resources/shifts.py", "planado_async.planday.resources.skills"),
        ("webhooks/receiver.py", "planado_async.webhooks.dispatcher"),
        ("webhooks/asgi.py", "planado_async.webhooks.receiver"),
        ("webhooks/intake.py", "planado_async.webhooks.sqlite"),
        ("webhooks/inbox.py", "planado_async.webhooks.sqlite"),
        ("webhooks/webhooks.py", "planado_async.core.transport"),
        ("webhooks/webhooks.py", "planado_async.sync.repair"),
        ("webhooks/webhooks.py", "planado_async.planday.tokens"),
        ("emulator/views.py", "planado_async.core.errors"),
        ("emulator/planday/identity.py", "planado_async.planday.identity"),
        ("planado/client.py", "planado_async.emulator"),
        ("core/encode.py", "cattrs"),
        ("core/transport.py", "opentelemetry"),
        ("core/transport.py", "planado_async.core.otel"),
        ("planado/client.py", "planado_async.core.otel"),
        ("testing/deliver.py", "planado_async.emulator"),
        ("webhooks/webhooks.py", "planado_async.testing"),
        ("public.py", "planado_async.webhooks"),
    ],
)
def test_planted_violation_is_found(copy: Path, module: str, imported: str) -> None:
    """An import that points up, sideways or out is told, under TYPE_CHECKING too."""
    planted = f"\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import {imported}\n"
    with (copy / "planado_async" / module).open("a", encoding="utf-8") as file:
        file.write(planted)
    done = _lint_imports(copy)
    assert done.returncode != 0
    assert "BROKEN" in done.stdout
