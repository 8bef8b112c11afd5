"""Models that were signed by other digests than sha256 of files: read to both, and tied to the bytes that are there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from attest.oms.reading import OmsReader, unlisted
from attest.verified import VerifiedStatement
from attest.verifier.verifying import bind_model
from dbom.artifact import find_artifact
from dbom.ignores import Ignores
from dbom.model import Unknown
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from attest.verification import Answer
    from dbom.items import Progress

__all__ = ["bind_models"]

_MAX_MODELS = 8
"""How many such signatures an artifact is read for: each takes a read of its own."""


def bind_models(
    path: str | os.PathLike[str], answers: Sequence[Answer], *, follow_links: bool, progress: Progress | None
) -> tuple[list[Answer], dict[str, str]]:
    """Return the answers, those about the model at `path` in digests of its own now about its tree, and the differing.

    The latter is a path that isn't as it was signed, by the sha256 of the bundle that says so. Raises as
    `fingerprint_path`, and `UsageError` where a model was signed by BLAKE3 and that package is missing.
    """
    bound, unlike, budget = [], {}, _MAX_MODELS
    for answer in answers:
        result = answer.result
        model = result.statement.model if isinstance(result, VerifiedStatement) else None
        if (
            not isinstance(result, VerifiedStatement)
            or model is None
            or not isinstance(model.digest, Unknown)
            or isinstance(model.ignores, Unknown)
            or not budget
        ):
            bound.append(answer)
            continue
        # Stores hold signatures of many models: what names other files needn't be read for.
        listed = find_artifact(path, Ignores.of(model.ignores), follow_links=follow_links).listing
        if (other := unlisted(model, listed)) is not None:
            unlike[result.bundle_sha256] = other
            bound.append(answer)
            continue
        budget -= 1
        reader = OmsReader(model, progress)
        found = fingerprint_path(path, ignores=model.ignores, follow_links=follow_links, read=reader)
        differing = reader.differing()
        if differing is None:
            bound.append(replace(answer, result=bind_model(result, found)))
        else:
            unlike[result.bundle_sha256] = differing
            bound.append(answer)
    return bound, unlike
