"""A signer that is opened late: what isn't there yet stops nobody from starting, and what failed is opened anew."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from attest.authority import Authority
from attest.signers.key_signing import KeySigner
from attest.signers.keys import generate_key, public_pem
from attest.signers.late import LateSigner
from attest.statement import Statement, Subject
from attest.verified import VerifiedStatement
from attest.verifier.verifying import verify_bundle
from dbom.errors import PathError, SigningError
from dbom.model import Digest, Kind
from dbom.names import PREDICATE_JOURNAL_HEAD
from dbom.rules.artifacts import PATH_UNREADABLE
from dbom.rules.attestations import SELF_CHECK

if TYPE_CHECKING:
    from attest.signers.signing import Signer

NOW = datetime(2026, 1, 2, tzinfo=UTC)
STATEMENT = Statement.build(Subject("head", Digest(Kind.FILE, "0" * 64)), PREDICATE_JOURNAL_HEAD, {})


class Flaky:
    """Signs by a key but for the times that it is told to fail."""

    identity = None

    def __init__(self, *fails: str) -> None:
        self.fails = list(fails)
        self.key = generate_key()

    def describe(self) -> str:
        """Say who signs."""
        return "flaky"

    def sign(self, statement: Statement) -> bytes:
        """Sign, or fail."""
        if self.fails and (what := self.fails.pop(0)):
            raise SigningError(SELF_CHECK, what)
        return KeySigner(self.key).sign(statement)


def test_it_is_opened_once_it_is_needed_and_only_once_while_it_works() -> None:
    opened: list[Flaky] = []

    def opener() -> Signer:
        opened.append(Flaky())
        return opened[-1]

    signer = LateSigner(opener)
    assert (opened, signer.identity, signer.describe()) == ([], None, "whoever is opened first")
    bundles = [signer.sign(STATEMENT) for _ in range(3)]
    assert (len(opened), signer.describe()) == (1, "flaky")
    expected = [Authority("flaky", key_pem=public_pem(opened[0].key))]
    assert all(isinstance(verify_bundle(raw, expected, where="head", now=NOW), VerifiedStatement) for raw in bundles)


def test_what_failed_is_opened_anew_and_what_was_opened_already_is_used_first() -> None:
    first, second = Flaky("", "not now"), Flaky()
    signer = LateSigner(lambda: second, first)
    signer.sign(STATEMENT)
    with pytest.raises(SigningError, match="not now"):
        signer.sign(STATEMENT)
    signer.sign(STATEMENT)
    assert signer.opened is second
    assert signer.identity is None


def test_what_can_not_be_opened_is_tried_again_each_time() -> None:
    there: list[Signer] = []

    def opener() -> Signer:
        if not there:
            raise PathError(PATH_UNREADABLE, "not mounted yet", where="token")
        return there[0]

    signer = LateSigner(opener)
    for _ in range(2):
        with pytest.raises(PathError, match="not mounted yet"):
            signer.sign(STATEMENT)
    there.append(Flaky())
    assert signer.sign(STATEMENT)
