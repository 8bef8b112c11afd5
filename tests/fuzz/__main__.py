"""`make fuzz`: a million reviews on all processors. Prints its seed; goes on where it was interrupted.

Parts that are done stand in a file of the seed's, one number a line; so a run that was ended begins behind them.
`--case N` shows one case. Ends with 1 where a law is broken, with each case and what makes it again.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from fuzz.laws import broken_law
from fuzz.mutations import case_of

if TYPE_CHECKING:
    from collections.abc import Sequence

PART: Final = 1000


def say(text: str, *, to: TextIO = sys.stdout) -> None:
    """Say a line, at once."""
    to.write(f"{text}\n")
    to.flush()


def part_of(seed: str, start: int, end: int) -> tuple[int, dict[int, str]]:
    """Return the start of a part and the laws that its cases break."""
    return start, {number: law for number in range(start, end) if (law := broken_law(seed, number))}


def run(seed: str, cases: int, workers: int, folder: Path) -> int:
    """Ask every case that isn't done yet, and return how many break a law."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"{seed}.done"
    done = {int(line) for line in journal.read_text("utf-8").split()} if journal.exists() else set()
    starts = [start for start in range(0, cases, PART) if start not in done]
    say(f"seed {seed}: {cases} reviews, {len(done) * PART} of them done before; state in {journal}")
    broken = asked = 0
    with ProcessPoolExecutor(workers) as pool, journal.open("a", encoding="utf-8") as lines:
        asking = partial(part_of, seed)
        parts = [pool.submit(asking, start, min(start + PART, cases)) for start in starts]
        for part in as_completed(parts):
            start, found = part.result()
            asked += min(PART, cases - start)
            for number, law in found.items():
                say(f"case {number}: {law}\n  make fuzz FUZZ_ARGS='--seed {seed} --case {number}'")
            broken += len(found)
            # (A part with a broken law is asked again the next time.)
            if not found:
                lines.write(f"{start}\n")
                lines.flush()
            if asked % (50 * PART) == 0:
                say(f"{asked} asked, {broken} break a law")
    say(f"{asked} asked, {broken} break a law")
    return broken


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seed", default=os.environ.get("DBOM_FUZZ_SEED") or secrets.token_hex(4))
    parser.add_argument("--cases", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--state", type=Path, default=Path("build/fuzz"))
    parser.add_argument("--case", type=int)
    given = parser.parse_args(arguments)
    if given.case is not None:
        case = case_of(given.seed, given.case)
        say(json.dumps(case.document, indent=2))
        say(f"from {case.made_from}, {', '.join(case.changes)}", to=sys.stderr)
        law = broken_law(given.seed, given.case)
        say(law or "breaks no law", to=sys.stderr)
        return 1 if law else 0
    return 1 if run(given.seed, given.cases, given.workers, given.state) else 0


if __name__ == "__main__":
    sys.exit(main())
