"""Train a small model that tells penguins apart: multinomial logistic regression, in plain Python.

    python train.py penguins/ model/

Reads penguins/penguins.csv, holds out every fifth bird, and writes model/: the weights as safetensors, the
configuration and a model card. The same data gives the same bytes. It needs nothing but Python.
"""

from __future__ import annotations

import csv
import json
import math
import struct
import sys
from pathlib import Path

FEATURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g")
STEPS, RATE = 200, 0.5


def read_birds(table: Path) -> tuple[list[list[float]], list[str]]:
    """Return the measurements and the species of every bird that was measured in full."""
    with table.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if all(row[name] not in ("", "NA") for name in FEATURES)]
    return [[float(row[name]) for name in FEATURES] for row in rows], [row["species"] for row in rows]


def standardise(birds: list[list[float]]) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation of each measurement."""
    columns = list(zip(*birds, strict=True))
    means = [sum(column) / len(column) for column in columns]
    spreads = [
        math.sqrt(sum((x - mean) ** 2 for x in column) / len(column))
        for column, mean in zip(columns, means, strict=True)
    ]
    return means, spreads


def probabilities(weights: list[list[float]], bird: list[float]) -> list[float]:
    """Return the probability of each species; the last weight of a row is its bias."""
    scores = [sum(w * x for w, x in zip(row, [*bird, 1.0], strict=True)) for row in weights]
    top = max(scores)
    parts = [math.exp(score - top) for score in scores]
    return [part / sum(parts) for part in parts]


def fit(birds: list[list[float]], labels: list[int], species: int) -> list[list[float]]:
    """Return the weights after full-batch gradient descent from zero."""
    weights = [[0.0] * (len(birds[0]) + 1) for _ in range(species)]
    for _ in range(STEPS):
        slopes = [[0.0] * len(row) for row in weights]
        for bird, label in zip(birds, labels, strict=True):
            for number, probability in enumerate(probabilities(weights, bird)):
                error = probability - (number == label)
                slopes[number] = [s + error * x for s, x in zip(slopes[number], [*bird, 1.0], strict=True)]
        weights = [
            [w - RATE * s / len(birds) for w, s in zip(row, slope, strict=True)]
            for row, slope in zip(weights, slopes, strict=True)
        ]
    return weights


def accuracy(weights: list[list[float]], birds: list[list[float]], labels: list[int]) -> float:
    """Return the share of birds whose most probable species is the right one."""
    guesses = [max(range(len(weights)), key=probabilities(weights, bird).__getitem__) for bird in birds]
    return sum(guess == label for guess, label in zip(guesses, labels, strict=True)) / len(labels)


def safetensors(tensors: dict[str, list[list[float]] | list[float]]) -> bytes:
    """Return float32 tensors in the safetensors format: a length, a JSON header, the numbers."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in tensors.items():
        rows = [row if isinstance(row, list) else [row] for row in tensor]
        shape = [len(rows), len(rows[0])] if isinstance(tensor[0], list) else [len(rows)]
        packed = b"".join(struct.pack(f"<{len(row)}f", *row) for row in rows)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


CARD = """---
license: apache-2.0
pipeline_tag: tabular-classification
---
# Penguin species from four measurements

Multinomial logistic regression, trained by `train.py` in plain Python. Accuracy on birds it has not seen: {share:.1%}.
"""


def main(data: Path, model: Path) -> None:
    """Train on the birds in `data` and write the model to the folder `model`."""
    birds, names = read_birds(data / "penguins.csv")
    species = sorted(set(names))
    labels = [species.index(name) for name in names]
    held_out = [number % 5 == 0 for number in range(len(birds))]
    seen = [number for number, held in enumerate(held_out) if not held]
    unseen = [number for number, held in enumerate(held_out) if held]
    means, spreads = standardise([birds[number] for number in seen])
    scaled = [[(x - m) / s for x, m, s in zip(bird, means, spreads, strict=True)] for bird in birds]
    weights = fit([scaled[number] for number in seen], [labels[number] for number in seen], len(species))
    share = accuracy(weights, [scaled[number] for number in unseen], [labels[number] for number in unseen])
    model.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, list[list[float]] | list[float]] = {
        "linear.weight": [row[:-1] for row in weights],
        "linear.bias": [row[-1] for row in weights],
        "scale.mean": means,
        "scale.spread": spreads,
    }
    (model / "model.safetensors").write_bytes(safetensors(tensors))
    config = {"architectures": ["LogisticRegression"], "model_type": "logistic-regression"}
    config_text = json.dumps({**config, "features": FEATURES, "species": species}, indent=2)
    (model / "config.json").write_text(config_text + "\n", encoding="utf-8")
    (model / "README.md").write_text(CARD.format(share=share), encoding="utf-8")
    sys.stdout.write(f"trained on {len(seen)} birds; {share:.1%} of {len(unseen)} unseen birds told right\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
