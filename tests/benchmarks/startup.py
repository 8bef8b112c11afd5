"""How long the program takes to start, against a bare interpreter and a bare typer app, in one run.

Run it with the Python of an environment that dbom is installed in, with compiled bytecode: startup.sh, which `make
bench` calls, makes one. It prints medians and ratios, and exits 1 where a ratio is over its bound.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_BARE_APP = """
import typer
app = typer.Typer()
@app.command()
def a(x: int = 1):
    "A."
@app.command()
def b(x: int = 1):
    "B."
app()
"""


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
    return time.perf_counter() - started


def _medians(commands: dict[str, list[str]], runs: int) -> dict[str, float]:
    """Return the median of each command, run in turn so that a slow moment hits all alike; a first run warms up."""
    taken: dict[str, list[float]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            seconds = _seconds(command)
            if turn:
                taken[name].append(seconds)
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> int:
    """Measure, print the table, and return whether both bounds hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=21)
    runs = max(11, parser.parse_args().runs)
    script = Path(sys.executable).parent / "dbom"
    if not script.exists():
        sys.exit(f"dbom is not installed beside {sys.executable}")
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(_BARE_APP)
        medians = _medians(
            {
                "python -c pass": [sys.executable, "-c", "pass"],
                "dbom --version": [str(script), "--version"],
                "bare typer app --help": [sys.executable, str(bare), "--help"],
                "dbom --help": [str(script), "--help"],
            },
            runs,
        )
    over = False
    print(f"{'command':<16} {'median':>9} {'against':<22} {'median':>9} {'ratio':>6} {'bound':>6}")  # noqa: T201  it is a script
    for name, against, bound in (
        ("dbom --version", "python -c pass", 3.0),
        ("dbom --help", "bare typer app --help", 1.2),
    ):
        ratio = medians[name] / medians[against]
        over = over or ratio > bound
        print(  # noqa: T201  it is a script
            f"{name:<16} {medians[name] * 1000:>6.1f} ms {against:<22} {medians[against] * 1000:>6.1f} ms"
            f" {ratio:>6.2f} {bound:>6.2f}"
        )
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
