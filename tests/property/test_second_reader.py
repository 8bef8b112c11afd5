"""What sigstore-python refuses, we refuse, but for the differences that are listed here with their reasons.

Bundles are changed in their structure; log entries are changed and then recorded by the log, as only a log could.
"""

from __future__ import annotations

import base64
import copy
import json
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, b64, written

from attest.authority import Authority
from attest.identity import Identity, IdentityPattern
from attest.statement import Statement, Subject
from attest.trust import TrustRoot
from attest.verified import VerifiedStatement
from attest.verifier.keyless import check_by_sigstore
from attest.verifier.verifying import verify_bundle
from dbom.errors import EvidenceError
from dbom.model import Digest, Kind
from dbom.names import BUNDLE_V03, PREDICATE_BOM

MADE = MadeSigstore()
ROOT = TrustRoot.parse(written(MADE.trusted_root()), where="root")
AUTHORITY = Authority("a", (IdentityPattern.exact(SUBJECT, ISSUER),), ROOT)
PAYLOAD = Statement.build(Subject.of("d", Digest(Kind.FILE, "a" * 64)), PREDICATE_BOM, {}).payload
V02 = "application/vnd.dev.sigstore.bundle+json;version=0.2"
BUNDLES: list[dict[str, Any]] = [
    MADE.bundle(PAYLOAD, kind=kind, at=at, stamps=stamps, media_type=media_type)
    for kind, at, stamps in (
        ("dsse 0.0.1", SIGNED_AT, (SIGNED_AT,)),
        ("dsse 0.0.1", SIGNED_AT, ()),
        ("hashedrekord 0.0.2", None, (SIGNED_AT,)),
    )
    for media_type in (BUNDLE_V03, V02)
]

EXPLAINED = (
    # model-signing writes a chain into bundles v0.3. Which form names the signer changes nothing: only the first
    # certificate is read, and it must hold.
    "expected certificate in bundle",
    "expected certificate chain in bundle",
    # A null where nothing stands is nothing in the JSON of protocol buffers.
    "failed to load bundle",
    # What else a log writes into its entries is its own affair: we compare what it says about this bundle.
    "invalid DSSE log entry",
    "1 validation error for Entry",
    "2 validation errors for Entry",
    "transparency log entry is inconsistent",
    # White space in PEM.
    "log entry signatures do not match",
)

VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, 0, -1, 1.5, 2**70, "", "0", "1", "-1", "01", " 1", "1.0", "9" * 30, "dsse", "0.0.2", [], {}, [None]]
) | st.text(max_size=8)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:  # noqa: ANN401  JSON, changed anywhere
    """Return the way to each value in a document but the whole."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, item in items for found in ((*at, key), *places(item, (*at, key)))]


def holder_of(document: Any, place: tuple[Any, ...]) -> Any:  # noqa: ANN401  JSON, changed anywhere
    for key in place[:-1]:
        document = document[key]
    return document


def change(document: Any, draw: st.DataObject) -> None:  # noqa: ANN401  JSON, changed anywhere
    """Replace, drop, double, borrow or bend one value."""
    place = draw.draw(st.sampled_from(places(document)))
    holder, key = holder_of(document, place), place[-1]
    value = holder[key]
    how = draw.draw(st.sampled_from(["replace", "drop", "double", "borrow", "bend", "bend", "add"]))
    if how == "replace":
        holder[key] = draw.draw(VALUES)
    elif how == "drop":
        del holder[key]
    elif how == "double" and isinstance(value, list):
        value += copy.deepcopy(value)
    elif how == "borrow":
        other = draw.draw(st.sampled_from(places(document)))
        holder[key] = copy.deepcopy(holder_of(document, other)[other[-1]])
    elif how == "bend" and isinstance(value, str):
        at = draw.draw(st.integers(0, len(value)))
        put = draw.draw(st.sampled_from(["", "=", "\n", "\n\n", " ", "A", "\u2014 x AAAA\n", "-", "\u2028"]))
        holder[key] = value[:at] + put + value[at + draw.draw(st.integers(0, 1)) :]
    elif how == "add" and isinstance(value, dict):
        value["extra"] = draw.draw(VALUES)


def assert_not_more_than_sigstore(document: Any) -> None:  # noqa: ANN401  JSON, changed anywhere
    raw = json.dumps(document).encode()
    found = verify_bundle(raw, [AUTHORITY], where="x", now=SIGNED_AT + timedelta(days=1))
    if not isinstance(found, VerifiedStatement):
        return
    assert found.statement.payload == PAYLOAD
    assert found.time.at == SIGNED_AT
    try:
        assert check_by_sigstore(raw, ROOT, Identity(SUBJECT, ISSUER), where="x") == PAYLOAD
    except EvidenceError as error:
        assert any(reason in error.what for reason in EXPLAINED), error.what  # noqa: PT017  the other way to agree


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(BUNDLES), st.integers(1, 3), st.data())
def test_a_bundle_changed_in_its_structure_is_accepted_by_both_or_for_a_known_reason(
    bundle: dict[str, Any], times: int, draw: st.DataObject
) -> None:
    document = copy.deepcopy(bundle)
    for _ in range(times):
        change(document, draw)
    assert_not_more_than_sigstore(document)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(BUNDLES), st.data())
def test_an_entry_that_its_log_recorded_otherwise_is_accepted_by_both_or_for_a_known_reason(
    bundle: dict[str, Any], draw: st.DataObject
) -> None:
    document = copy.deepcopy(bundle)
    material = document["verificationMaterial"]
    entry = material["tlogEntries"][0]
    body = json.loads(base64.b64decode(entry["canonicalizedBody"]))
    change(body, draw)
    kind = " ".join(entry["kindVersion"].values())
    at = SIGNED_AT if "integratedTime" in entry else None
    material["tlogEntries"] = [MADE.log_entry(json.dumps(body).encode(), kind, at=at)]
    assert b64(json.dumps(body).encode()) == material["tlogEntries"][0]["canonicalizedBody"]
    assert_not_more_than_sigstore(document)
