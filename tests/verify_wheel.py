"""Checks the wheel: installed into an empty environment, the README works: `make wheel`."""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from tests.readme import readme_works  # noqa: E402  # the path is set just above


def main() -> None:
    """Build, install, run."""
    with tempfile.TemporaryDirectory() as folder:
        dist, home, empty = (Path(folder) / name for name in ("dist", "venv", "empty"))
        empty.mkdir()
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(dist)],
            cwd=ROOT,
            check=True,
        )
        (wheel,) = dist.glob("*.whl")
        venv.create(home, with_pip=True)
        python = home / "bin" / "python"
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)]
        subprocess.run([python, *install], check=True)
        readme_works(str(python), empty)
        print(f"{wheel.name}: installs, and the README's examples run")


if __name__ == "__main__":
    main()
