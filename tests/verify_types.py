"""Checks that every public name is fully typed: `python tests/verify_types.py`."""

import json
import os
import subprocess
import sys
from pathlib import Path


def main() -> int:
    """Return 0 if pyright calls the package's public interface complete."""
    command = ["pyright", "--verifytypes", "planado_async", "--ignoreexternal", "--outputjson"]
    # For this task pyright asks the first Python on PATH where packages are.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    told = subprocess.run(
        [sys.executable, "-m", *command],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": path},
    )
    report = json.loads(told.stdout)["typeCompleteness"]
    for symbol in report["symbols"]:
        if symbol["isExported"] and not symbol["isTypeKnown"]:
            reasons = "; ".join(each["message"] for each in symbol["diagnostics"])
            print(f"{symbol['name']}: {reasons}")
    counts = report["exportedSymbolCounts"]
    print(f"{counts['withKnownType']} public names typed, {report['completenessScore']:.1%}")
    return 0 if report["completenessScore"] == 1 and counts["withKnownType"] > 500 else 1


if __name__ == "__main__":
    raise SystemExit(main())
