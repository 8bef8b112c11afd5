"""Print what the fixtures hold, by program: `python -P tests/references/table.py`."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

PINNINGS = ("enforced", "claimed", "unpinned", "opaque")
HEAD = ("program", "manifests", "references", *PINNINGS)


def rows(home: Path) -> list[tuple[str, ...]]:
    """Return a row for each program, and one of the sums."""
    found: list[tuple[str, ...]] = []
    total: Counter[str] = Counter()
    for folder in sorted(path for path in home.iterdir() if path.is_dir()):
        labels = [json.loads(path.read_text(encoding="utf-8"))["references"] for path in sorted(folder.glob("*.json"))]
        counts = Counter(reference["pinning"] for references in labels for reference in references)
        counts.update(manifests=len(labels), references=counts.total())
        total += counts
        if labels:
            found.append((folder.name, *(str(counts[key]) for key in HEAD[1:])))
    return [*found, ("all", *(str(total[key]) for key in HEAD[1:]))]


if __name__ == "__main__":
    table = [HEAD, *rows(Path(__file__).parent)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        sys.stdout.write("  ".join(cells) + "\n")
