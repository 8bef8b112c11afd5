"""Leave out the rows with gaps, and two columns: `python clean.py scraped clean`."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

source, target = map(Path, sys.argv[1:3])
target.mkdir(exist_ok=True)
with (source / "penguins.csv").open(newline="", encoding="utf-8") as file:
    rows = [row for row in csv.DictReader(file) if "" not in row.values() and "NA" not in row.values()]
with (target / "penguins.csv").open("w", newline="", encoding="utf-8") as file:
    writer = csv.DictWriter(file, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
