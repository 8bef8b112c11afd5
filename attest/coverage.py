"""How far the counted statements reach: the bytes that a BOM describes, the BOM file, and what nobody vouches for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from dbom.bom import Bom
from dbom.canonical import canonical_json, load_json
from dbom.errors import DocumentError
from dbom.model import Finding, Severity, Unknown
from dbom.names import DEFAULT_IGNORES, PREDICATE_BOM
from dbom.printable import printable
from dbom.rules.attestations import BOM_DIFFERS, BOM_OF_OTHER_BYTES, IGNORED_PRESENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from attest.judging import Asked
    from attest.verification import Answer
    from dbom.model import Digest, Fingerprint

__all__ = ["described_elsewhere", "find_other_bytes", "find_uncovered", "judge_bom_file", "judge_uncovered"]

_SHOWN_PATHS: Final = 20


def described_elsewhere(asked: Asked, answer: Answer) -> Digest | None:
    """Return the digest that a counted BOM names for what it describes, where these bytes have another."""
    statement = answer.statement
    if statement is None or statement.predicate_type != PREDICATE_BOM:
        return None
    described, subject = Bom(statement.predicate).artifact, asked.matching(statement)
    if isinstance(described, Unknown) or subject is None or subject.digest is None:
        return None
    # Whether it is a file or a tree is told by a media type that others' BOMs don't have: the digits decide.
    return described if described.hex != subject.digest.hex else None


def find_other_bytes(asked: Asked, counted: Sequence[Answer]) -> list[Finding]:
    """Find the counted BOMs that describe other bytes than their statements are about."""
    return [
        Finding(
            BOM_OF_OTHER_BYTES.id,
            Severity.WARNING,
            f"a signed BOM describes other bytes than its statement is about, {described}, and says nothing of these",
            item.result.where,
        )
        for item in counted
        if (described := described_elsewhere(asked, item)) is not None
    ]


def judge_bom_file(asked: Asked, counted: Sequence[Answer], content: Sequence[Answer]) -> list[Finding]:
    """Compare the BOM file with the signed BOMs, as values: layout is no part of a BOM."""
    if asked.bom is None or not content:
        return []
    try:
        written = canonical_json(load_json(asked.bom, where="the BOM file"))
        if written in _signed_boms(content):
            return []
    except DocumentError as error:
        return [_differs(f"the BOM file can't be the signed one: {error.what}", asked)]
    if any(_is_bom(item) for item in content):
        reason = "the BOM file isn't the BOM that was signed about these bytes"
    elif written in _signed_boms(counted):
        reason = "the BOM file is signed, but by nobody who is asked to say what this is"
    else:
        reason = "no signed BOM about these bytes covers the BOM file; what counts says what this is, but is no BOM"
    return [_differs(reason, asked)]


def _differs(reason: str, asked: Asked) -> Finding:
    return Finding(BOM_DIFFERS.id, Severity.ERROR, reason, asked.where)


def _signed_boms(answers: Iterable[Answer]) -> set[bytes]:
    """Return the BOMs of statements as canonical JSON; one that has no such form equals no file."""
    found = set()
    for item in answers:
        if item.statement is not None and _is_bom(item):
            try:
                found.add(canonical_json(item.statement.predicate))
            except DocumentError:
                continue
    return found


def _is_bom(answer: Answer) -> bool:
    return answer.statement is not None and answer.statement.predicate_type == PREDICATE_BOM


def find_uncovered(asked: Asked, content: Sequence[Answer]) -> tuple[str, ...]:
    """Return what is there and covered by no statement of content: left out by the ignore list of each of them."""
    lists = [found.ignored for found in _read_for(asked, content)]
    return tuple(
        sorted(
            path
            for path in {path for ignored in lists for path in ignored}
            if all(any(_holds(entry, path) for entry in ignored) for ignored in lists)
        )
    )


def _read_for(asked: Asked, content: Sequence[Answer]) -> list[Fingerprint]:
    subjects = [asked.subject(item) for item in content]
    found = [asked.fingerprint(subject) for subject in subjects if subject is not None]
    return [item for item in found if item is not None]


def _holds(entry: str, path: str) -> bool:
    return path == entry or (entry.endswith("/") and path.startswith(entry))


def judge_uncovered(asked: Asked, content: Sequence[Answer], uncovered: Sequence[str]) -> list[Finding]:
    """Name what nothing vouches for. What is always left out is on record; what a signer chose to, is worth a look."""
    if not uncovered:
        return []
    usual = any(set(found.ignores) <= set(DEFAULT_IGNORES) for found in _read_for(asked, content))
    shown = ", ".join(printable(path) for path in uncovered[:_SHOWN_PATHS])
    more = f" and {len(uncovered) - _SHOWN_PATHS} more" if len(uncovered) > _SHOWN_PATHS else ""
    reason = f"left out of the signed digest, and there, vouched for by nobody: {shown}{more}"
    return [Finding(IGNORED_PRESENT.id, Severity.NOTE if usual else Severity.WARNING, reason, asked.where)]
