"""Makes the cases of this folder anew, the same bytes each time: `python -P make_cases.py` with `tests` on the path.

A case is a folder: `artifact` (a file, or a folder for a tree), `bundle.sigstore.json`, whom to expect
(`trusted_root.json`, `key.pub`, `ca.pem`, `tsa.pem`) and `case.json` with what must come of it and why. A case that
ends in `_fail` must never be a yes, and names its twin: the case that is like it but for the one fault.
"""

# ruff: noqa: ANN401  cases are made of JSON that is wrong on purpose

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import shutil
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from made_sigstore import ISSUER, SIGNED_AT, SUBJECT, MadeSigstore, b64, fixed_key, spki_of, written

from dbom.canonical import canonical_json
from dbom.names import BUNDLE_V01, PREDICATE_BOM, STATEMENT_V1, TREE_MEDIA_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Case", "all_cases"]

MADE, FORGER, VENDOR = MadeSigstore(), MadeSigstore(secret=" forged"), MadeSigstore("vendor")
KEY, OTHER_KEY = fixed_key("signing key"), fixed_key("another key")
BYTES = b"weights\n"
SHA256 = hashlib.sha256(BYTES).hexdigest()
MANIFEST = f"{SHA256}  model.bin\n".encode()
TREE = hashlib.sha256(MANIFEST).hexdigest()
IDENTITY = {"identity": SUBJECT, "issuer": ISSUER, "trusted_root": "trusted_root.json"}
BOM = {"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"type": "data", "name": "artifact"}}}
ROOT: bytes = written(MADE.trusted_root())
LATER = SIGNED_AT + timedelta(days=200)


@dataclass(frozen=True)
class Case:
    """One case: its files, and what must come of it. `rule` is the one that says why it isn't a yes."""

    why: str
    bundle: bytes
    rule: str | None = None
    exit: int = 1
    twin: str | None = None
    expect: dict[str, Any] = field(default_factory=lambda: dict(IDENTITY))
    files: dict[str, bytes] = field(default_factory=lambda: {"artifact": BYTES, "trusted_root.json": ROOT})
    now: str = LATER.isoformat()

    def contents(self) -> dict[str, bytes]:
        """Return every file of the case's folder."""
        said = {name: getattr(self, name) for name in ("why", "exit", "rule", "twin", "expect", "now")}
        if self.rule is None:
            said |= {"exit": 0}
        text = json.dumps(said, indent=2, ensure_ascii=False).encode() + b"\n"
        return {**self.files, "bundle.sigstore.json": self.bundle, "case.json": text}


def payload(*subjects: dict[str, Any], **more: Any) -> bytes:
    """Return a signed payload about some subjects."""
    statement = {"_type": STATEMENT_V1, "subject": list(subjects), "predicateType": PREDICATE_BOM, "predicate": BOM}
    return canonical_json(statement | more)


def subject(hexadecimal: str = SHA256, **more: Any) -> dict[str, Any]:
    """Return the subject of the artifact, or another."""
    return {"name": "artifact", "digest": {"sha256": hexadecimal}, **more}


PAYLOAD = payload(subject())
TREE_SUBJECT = subject(TREE, mediaType=TREE_MEDIA_TYPE, annotations={"dbom:ignore": []})


def signed(data: bytes = PAYLOAD, **how: Any) -> bytes:
    """Return a keyless bundle as a file."""
    return written(MADE.bundle(data, **how))


def altered(change: Callable[[dict[str, Any]], object], data: bytes = PAYLOAD, **how: Any) -> bytes:
    """Return a keyless bundle with one change."""
    document: Any = MADE.bundle(data, **how)
    change(document)
    return written(document)


def root(change: Callable[[dict[str, Any]], object], **how: Any) -> dict[str, bytes]:
    """Return the files of a case whose trust root has one change."""
    document: Any = MADE.trusted_root(**how)
    change(document)
    return {"artifact": BYTES, "trusted_root.json": written(document)}


def entry(document: dict[str, Any]) -> dict[str, Any]:
    """Return the log entry of a bundle."""
    found: dict[str, Any] = document["verificationMaterial"]["tlogEntries"][0]
    return found


def stamps(document: dict[str, Any]) -> list[Any]:
    """Return the time stamps of a bundle."""
    found: list[Any] = document["verificationMaterial"]["timestampVerificationData"]["rfc3161Timestamps"]
    return found


def public_pem(key: Any) -> bytes:
    """Return a public key in PEM."""
    data: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return data


def all_cases() -> dict[str, Case]:
    """Return every case by its name."""
    return dict(
        (*_accepted(), *_contents(), *_certificates(), *_logs(), *_times(), *_keys(), *_own(), *_expected(), *_forms())
    )


def _key_case(why: str, bundle: bytes, *, with_root: bool = False, **more: Any) -> Case:
    files = {"artifact": BYTES, "key.pub": public_pem(KEY)}
    expect: dict[str, Any] = {"key": "key.pub"}
    if with_root:
        files, expect = {**files, "trusted_root.json": ROOT}, {**expect, "trusted_root": "trusted_root.json"}
    return Case(why, bundle, files=files, expect=expect | more.pop("flags", {}), **more)


def _own_case(why: str, bundle: bytes, *, by: MadeSigstore = MADE, **more: Any) -> Case:
    chains = {"ca.pem": by.authority(), "tsa.pem": MADE.time_stamper()}
    pem = {name: b"".join(item.public_bytes(Encoding.PEM) for item in chain) for name, chain in chains.items()}
    expect = {"identity": SUBJECT, "certificate_chain": "ca.pem", "timestamp_certificate_chain": "tsa.pem"}
    return Case(why, bundle, files={"artifact": BYTES, **pem}, expect=expect, **more)


def _own_bundle(*, by: MadeSigstore = MADE, log: bool = False, stamps: Any = (SIGNED_AT,), **how: Any) -> bytes:
    leaf = by.certificate(issuer=None, stamps=0, **how)
    return written(by.bundle(PAYLOAD, certificate=leaf, log=log, stamps=stamps))


def _accepted() -> Iterator[tuple[str, Case]]:
    yield "keyless", Case("a keyless signature with certificate, SCT, log entry and time stamp", signed())
    yield "keyless_log_time", Case("the log's promise says when; no time stamp is there", signed(stamps=()))
    yield "keyless_p384", Case("a certificate with a P-384 key", signed(certificate=_leaf(curve=True)))
    yield "rekor2", Case("Rekor 2: hashedrekord 0.0.2 without a promise", signed(kind="hashedrekord 0.0.2", at=None))
    yield "rekor2_dsse", Case("Rekor 2: dsse 0.0.2 without a promise", signed(kind="dsse 0.0.2", at=None))
    yield "hashedrekord", Case("Rekor 1: hashedrekord 0.0.1 over the signed bytes", signed(kind="hashedrekord 0.0.1"))
    old: dict[str, Any] = {"kind": "intoto 0.0.2", "media_type": BUNDLE_V01}
    yield "v01_intoto", Case("a bundle v0.1 with a chain and an intoto 0.0.2 entry", signed(**old))
    yield "v01_promise", Case("a bundle v0.1 with the log's promise alone", altered(_no_proof, **old))
    yield "two_subjects", Case("any subject that matches will do", signed(payload(subject("b" * 64), subject())))
    beside = {"name": "a", "digest": {"sha1": "0" * 40, "sha256": SHA256}}
    yield "sha1_beside", Case("another algorithm beside a good sha256 is ignored", signed(payload(beside)))
    files = {"artifact/model.bin": BYTES, "trusted_root.json": ROOT}
    yield "tree", Case("a folder, by the digest of its manifest", signed(payload(TREE_SUBJECT)), files=files)
    files = {"artifact": MANIFEST, "trusted_root.json": ROOT}
    yield "manifest", Case("a manifest file, as the file that it is", signed(payload(subject(TREE))), files=files)
    pattern = {"identity_regexp": "ci@example[.]org", "issuer": ISSUER, "trusted_root": "trusted_root.json"}
    yield "regexp", Case("an expression that matches in full", signed(), expect=pattern)
    bare = written(MADE.bundle(PAYLOAD, key=KEY, log=False, stamps=()))
    yield "key", _key_case("a bare key, which shows neither log nor time", bare)
    hinted = json.loads(bare)
    hinted["verificationMaterial"]["publicKey"]["hint"] = "whatever"
    yield "key_opaque_hint", _key_case("a hint is opaque: another one changes nothing", written(hinted))
    logged = written(MADE.bundle(PAYLOAD, key=KEY))
    yield "key_logged", _key_case("a key, and the log that its trust root names", logged, with_root=True)
    for kind in ("intoto 0.0.2", "hashedrekord 0.0.1", "hashedrekord 0.0.2"):
        at = None if kind == "hashedrekord 0.0.2" else SIGNED_AT
        bundle = written(MADE.bundle(PAYLOAD, key=KEY, kind=kind, at=at))
        name = "key_logged_" + kind.replace(" ", "_").replace(".", "")
        yield name, _key_case(f"a key, in a log as {kind}", bundle, with_root=True)
    timed = {"use_signed_timestamps": True}
    yield "key_timed", _key_case("a key, its log entry and a time stamp", logged, with_root=True, flags=timed)
    yield "own_authority", _own_case("a certificate of one's own authority, with a time stamp", _own_bundle())


def _leaf(*, curve: bool = False, **how: Any) -> Any:
    return MADE.certificate(curve=ec.SECP384R1() if curve else None, **how)


def _no_proof(document: dict[str, Any]) -> None:
    entry(document).pop("inclusionProof")


def _fail(why: str, rule: str, bundle: bytes, twin: str = "keyless", **more: Any) -> Case:
    return Case(why, bundle, rule, twin=twin, **more)


def _contents() -> Iterator[tuple[str, Case]]:
    other = {"artifact": b"Weights\n", "trusted_root.json": ROOT}
    yield "other_artifact_fail", _fail("the bytes are others than were signed", "DBOM-315", signed(), files=other)
    yield "no_subject_fail", _fail("a statement about nothing", "DBOM-301", signed(payload()))
    nameless = {"name": "artifact", "digest": {}}
    yield "name_alone_fail", _fail("a name is given to any bytes", "DBOM-322", signed(payload(nameless)))
    weak = {"name": "artifact", "digest": {"sha1": hashlib.sha1(BYTES).hexdigest()}}  # noqa: S324  the case
    yield "sha1_alone_fail", _fail("SHA-1 identifies nothing", "DBOM-322", signed(payload(weak)), "sha1_beside")
    yield "truncated_digest_fail", _fail("a truncated digest", "DBOM-322", signed(payload(subject(SHA256[:40]))))
    yield "upper_case_digest_fail", _fail("a digest in capitals", "DBOM-322", signed(payload(subject(SHA256.upper()))))
    files = {"artifact/model.bin": BYTES, "trusted_root.json": ROOT}
    bundle = signed(payload(subject(TREE)))
    yield "manifest_for_its_tree_fail", _fail("a signed manifest is no tree", "DBOM-314", bundle, "tree", files=files)
    files = {"artifact": MANIFEST, "trusted_root.json": ROOT}
    bundle = signed(payload(TREE_SUBJECT))
    yield "tree_for_its_manifest_fail", _fail("a signed tree is no file", "DBOM-314", bundle, "manifest", files=files)
    text = signed(payload_type="text/plain")
    yield "payload_type_signed_fail", _fail("signed as text, not as a statement", "DBOM-301", text)
    bundle = altered(lambda d: d["dsseEnvelope"].update(payloadType="application/vnd.in-toto+json;v=1"))
    yield "payload_type_altered_fail", _fail("the payload type was altered", "DBOM-301", bundle)
    twice = PAYLOAD.replace(b'"subject":', b'"subject":[],"subject":')
    yield "key_twice_in_payload_fail", _fail("a key twice: readers differ", "DBOM-301", signed(twice))
    unknown = signed(payload(subject(), _type="https://in-toto.io/Statement/v2"))
    yield "unknown_statement_type_fail", _fail("a statement of an unknown version", "DBOM-301", unknown)
    again = b64(json.dumps(json.loads(PAYLOAD), indent=1).encode())
    bundle = altered(lambda d: d["dsseEnvelope"].update(payload=again))
    yield "re_encoded_payload_fail", _fail("the same values in other bytes", "DBOM-305", bundle)
    theirs: Any = MADE.bundle(payload(subject("b" * 64)))
    envelope = theirs["dsseEnvelope"]
    bundle = altered(lambda d: d["dsseEnvelope"].update(signatures=envelope["signatures"]))
    yield "swapped_signature_fail", _fail("the signature of another statement", "DBOM-305", bundle)
    mine: Any = MADE.bundle(PAYLOAD)
    swapped = theirs | {"dsseEnvelope": mine["dsseEnvelope"]}
    yield "swapped_envelope_fail", _fail("another's log entry and time stamp", "DBOM-335", written(swapped))


def _certificates() -> Iterator[tuple[str, Case]]:
    day = timedelta(days=1)
    by: Callable[..., bytes] = lambda **how: signed(certificate=_leaf(**how))  # noqa: E731  one line a case
    yield "expired_leaf_fail", _fail("signed a day after it expired", "DBOM-327", by(start=SIGNED_AT - day))
    yield "not_yet_valid_fail", _fail("signed before it was valid", "DBOM-327", by(start=SIGNED_AT + day))
    yield "no_sct_fail", _fail("no certificate timestamp", "DBOM-328", by(stamps=0))
    yield "two_scts_fail", _fail("a second certificate timestamp", "DBOM-328", by(stamps=2))
    yield "foreign_sct_fail", _fail("a certificate log that nobody named", "DBOM-328", by(stamp_of=VENDOR))
    yield "forged_sct_fail", _fail("a certificate timestamp by another key", "DBOM-328", by(stamp_of=FORGER))
    yield "authority_signs_fail", _fail("a certificate of an authority", "DBOM-326", by(is_authority=True))
    purpose = ExtendedKeyUsageOID.SERVER_AUTH
    yield "server_certificate_fail", _fail("a certificate for servers", "DBOM-326", by(purpose=purpose))
    yield (
        "two_identities_fail",
        _fail("two names in one certificate", "DBOM-337", by(subjects=(SUBJECT, "eve@example.org"))),
    )
    yield "no_issuer_fail", _fail("a keyless certificate without an issuer", "DBOM-337", by(issuer=None))
    forged = written(FORGER.bundle(PAYLOAD))
    files = root(
        lambda d: [d.update({key: FORGER.trusted_root()[key]}) for key in ("tlogs", "ctlogs", "timestampAuthorities")]
    )
    yield (
        "forged_authority_fail",
        _fail("an authority of the same name, and another key", "DBOM-326", forged, files=files),
    )
    vendor = written(VENDOR.bundle(PAYLOAD))
    yield "vendor_mints_identity_fail", _fail("a vendor's authority names another's identity", "DBOM-306", vendor)
    theirs: Any = json.loads(signed(certificate=_leaf(role="other leaf")))
    one = theirs["verificationMaterial"]["certificate"]
    bundle = altered(lambda d: d["verificationMaterial"].update(certificate=one))
    yield "swapped_certificate_fail", _fail("the certificate of another signature", "DBOM-305", bundle)


def _logs() -> Iterator[tuple[str, Case]]:
    def spoiled(**change: Any) -> bytes:
        return altered(lambda d: entry(d).update(change))

    def proof(**change: Any) -> bytes:
        return altered(lambda d: (entry(d).pop("inclusionPromise"), entry(d)["inclusionProof"].update(change)))

    yield "no_log_entry_fail", _fail("the log entry is missing", "DBOM-329", signed(log=False))
    twice = altered(lambda d: d["verificationMaterial"].update(tlogEntries=[entry(d), entry(d)]))
    yield "two_log_entries_fail", _fail("two log entries", "DBOM-329", twice)
    yield "no_proof_fail", _fail("a promise alone is no proof", "DBOM-329", altered(_no_proof))
    bundle = altered(lambda d: entry(d)["inclusionProof"].pop("checkpoint"))
    yield "no_checkpoint_fail", _fail("a proof that leads to nothing signed", "DBOM-329", bundle)
    yield "root_hash_fail", _fail("the proof's root hash is another", "DBOM-330", proof(rootHash=b64(b"\1" * 32)))
    yield "proof_cut_fail", _fail("the path is too short", "DBOM-330", proof(hashes=[]))
    yield "proof_index_fail", _fail("the path is another index's", "DBOM-330", proof(logIndex="0"))
    unbound = altered(lambda d: (entry(d).pop("inclusionPromise"), entry(d).update(logIndex="7")))
    yield "log_index_fail", _fail("nothing binds the log index", "DBOM-330", unbound)
    older: dict[str, Any] = {"others": (b"an older entry", b"one more")}
    body = MADE.bundle(PAYLOAD)
    newer = MADE.log_entry(_body(body), "dsse 0.0.1", **older)
    checkpoint = newer["inclusionProof"]["checkpoint"]  # type: ignore[index,call-overload]  # made just now
    yield "checkpoint_size_fail", _fail("the checkpoint of a larger tree", "DBOM-331", proof(checkpoint=checkpoint))
    renamed = MADE.log_entry(_body(body), "dsse 0.0.1", signs_as="elsewhere.example.org")
    bundle = _with_entry(renamed)
    yield "checkpoint_name_fail", _fail("the checkpoint is signed under another name", "DBOM-331", bundle)
    forged: Any = FORGER.log_entry(_body(body), "dsse 0.0.1", at=None)
    forged["logId"] = {"keyId": b64(MADE.log_id)}
    yield "checkpoint_forged_fail", _fail("the checkpoint is signed by another key", "DBOM-331", _with_entry(forged))
    text = entry(json.loads(written(body)))["inclusionProof"]["checkpoint"]["envelope"]
    cut = {"envelope": text.split("\n\n")[0] + "\n"}
    yield "checkpoint_unsigned_fail", _fail("the checkpoint bears no signature", "DBOM-331", proof(checkpoint=cut))
    yield "promise_time_fail", _fail("the log promised another time", "DBOM-332", spoiled(integratedTime="1780315201"))
    yield "promise_index_fail", _fail("the log promised another index", "DBOM-332", spoiled(logIndex="0"))
    yield (
        "unknown_log_fail",
        _fail("a log that the root doesn't name", "DBOM-338", _with_entry(VENDOR.log_entry(_body(body), "dsse 0.0.1"))),
    )
    borrowed = entry(json.loads(signed(payload(subject("b" * 64)))))
    yield "borrowed_log_entry_fail", _fail("the log entry of another bundle", "DBOM-333", _with_entry(borrowed))
    kind = {"kind": "hashedrekord", "version": "0.0.1"}
    yield "log_kind_fail", _fail("the entry is of another kind than it says", "DBOM-333", spoiled(kindVersion=kind))
    yield "unknown_kind_fail", _fail("an entry of an unknown kind", "DBOM-333", signed(kind="alpine 0.0.1", at=None))
    promised = signed(kind="hashedrekord 0.0.2")
    yield "rekor2_promise_fail", _fail("Rekor 2 gives no promises", "DBOM-332", promised, "rekor2")
    unsaid = root(lambda d: d["tlogs"][0]["publicKey"]["validFor"].pop("start"))
    yield (
        "log_without_start_fail",
        _fail("a root that says not since when a log counts", "DBOM-310", signed(), files=unsaid, exit=2),
    )


def _body(document: Any) -> bytes:
    return base64.b64decode(entry(document)["canonicalizedBody"])


def _with_entry(item: Any) -> bytes:
    return altered(lambda d: d["verificationMaterial"].update(tlogEntries=[item]))


def _times() -> Iterator[tuple[str, Case]]:
    hour = timedelta(hours=1)
    bundle = signed(stamps=(SIGNED_AT + hour,))
    yield "stamp_after_expiry_fail", _fail("stamped after the certificate expired", "DBOM-327", bundle)
    bundle = signed(stamps=(SIGNED_AT, SIGNED_AT + hour))
    yield "one_stamp_after_expiry_fail", _fail("every time must lie in its validity", "DBOM-327", bundle)
    other: Any = FORGER.bundle(PAYLOAD)
    bundle = altered(lambda d: stamps(d).extend(stamps(other)))
    yield "one_stamp_forged_fail", _fail("every time stamp must hold, not just one", "DBOM-335", bundle)
    elsewhere: Any = MADE.bundle(payload(subject("b" * 64)))
    bundle = altered(lambda d: stamps(d).__setitem__(0, stamps(elsewhere)[0]))
    yield "borrowed_stamp_fail", _fail("a time stamp over another signature", "DBOM-335", bundle)
    bundle = altered(lambda d: stamps(d).append(stamps(d)[0]))
    yield "stamp_twice_fail", _fail("one time stamp twice", "DBOM-335", bundle)
    bundle = signed(at=None, stamps=())
    yield "no_time_fail", _fail("nobody says when", "DBOM-334", bundle, "keyless_log_time")
    bundle = signed(kind="hashedrekord 0.0.2", at=None, stamps=())
    yield "rekor2_no_time_fail", _fail("Rekor 2 says no time, and no time stamp does", "DBOM-334", bundle, "rekor2")
    early = (SIGNED_AT - timedelta(days=2)).isoformat()
    yield "future_fail", _fail("signed in the future", "DBOM-336", signed(), now=early)
    ended = {"start": "2026-01-01T00:00:00Z", "end": "2026-02-01T00:00:00Z"}
    undecided: dict[str, Any] = {"exit": 3}
    files = root(lambda d: d["timestampAuthorities"][0].update(validFor=ended))
    yield (
        "stamper_retired_fail",
        _fail("stamped after the stamper's time", "DBOM-309", signed(), files=files, **undecided),
    )
    spare = {"validFor": {"start": "2026-01-01T00:00:00Z"}}

    def retired(kind: str) -> dict[str, bytes]:
        return root(
            lambda d: (
                d[kind].append(d[kind][0] | spare),
                d[kind].insert(0, d[kind].pop() | {"validFor": ended}),
                d[kind].pop(),
            )
        )

    files = root(lambda d: d["ctlogs"][0]["publicKey"].update(validFor=ended))
    yield (
        "certificate_log_retired_fail",
        _fail("a certificate log after its time", "DBOM-309", signed(), files=files, **undecided),
    )
    files = retired("certificateAuthorities")
    yield "authority_retired_fail", _fail("an authority after its time", "DBOM-309", signed(), files=files, **undecided)
    files = root(lambda d: d["tlogs"][0]["publicKey"].update(validFor=ended))
    yield "log_retired_fail", _fail("a log after its time", "DBOM-309", signed(), files=files, **undecided)


def _keys() -> Iterator[tuple[str, Case]]:
    bare = MADE.bundle(PAYLOAD, key=OTHER_KEY, log=False, stamps=())
    yield "wrong_key_fail", _key_case("another key signed", written(bare), rule="DBOM-306", twin="key")
    hint = b64(hashlib.sha256(spki_of(KEY.public_key())).digest())
    claims: Any = json.loads(written(bare))
    claims["verificationMaterial"]["publicKey"]["hint"] = hint
    yield (
        "bad_key_hint_fail",
        _key_case("another key signed, and claims to be this one", written(claims), rule="DBOM-305", twin="key"),
    )
    inside: Any = json.loads(written(bare))
    inside["verificationMaterial"]["publicKey"]["rawBytes"] = b64(spki_of(OTHER_KEY.public_key()))
    yield (
        "key_inside_fail",
        _key_case(
            "a bundle that brings its own key, which counts for nothing", written(inside), rule="DBOM-306", twin="key"
        ),
    )
    unlogged = written(MADE.bundle(PAYLOAD, key=KEY, log=False))
    yield (
        "key_not_logged_fail",
        _key_case("the log entry is demanded of a key", unlogged, with_root=True, rule="DBOM-329", twin="key_logged"),
    )
    other: Any = MADE.bundle(PAYLOAD, key=OTHER_KEY)
    borrowed: Any = MADE.bundle(PAYLOAD, key=KEY)
    borrowed["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"]
    yield (
        "key_borrowed_entry_fail",
        _key_case(
            "the log entry of another key", written(borrowed), with_root=True, rule="DBOM-333", twin="key_logged"
        ),
    )
    untimed = written(MADE.bundle(PAYLOAD, key=KEY, at=None, stamps=(), kind="hashedrekord 0.0.2"))
    timed = {"use_signed_timestamps": True}
    yield (
        "key_not_timed_fail",
        _key_case(
            "a time is demanded of a key", untimed, with_root=True, flags=timed, rule="DBOM-334", twin="key_timed"
        ),
    )
    forged: Any = MADE.bundle(PAYLOAD, key=KEY)
    stamps(forged)[:] = [{"signedTimestamp": b64(FORGER.time_stamp(b"another"))}]
    yield (
        "key_forged_stamp_fail",
        _key_case(
            "a time stamp that doesn't hold", written(forged), with_root=True, rule="DBOM-335", twin="key_logged"
        ),
    )
    keyless = signed()
    yield (
        "key_for_identity_fail",
        _key_case("a certificate where a key is expected", keyless, rule="DBOM-306", twin="key"),
    )


def _own() -> Iterator[tuple[str, Case]]:
    twin = "own_authority"
    yield (
        "own_no_stamp_fail",
        _own_case("no time stamp: nobody says when", _own_bundle(stamps=()), rule="DBOM-334", twin=twin),
    )
    bundle = _own_bundle(start=SIGNED_AT - timedelta(days=1))
    yield "own_expired_fail", _own_case("the certificate had expired", bundle, rule="DBOM-327", twin=twin)
    bundle = _own_bundle(subjects=("eve@example.org",))
    yield (
        "own_other_identity_fail",
        _own_case("somebody else of the same authority", bundle, rule="DBOM-306", twin=twin),
    )
    forged: Any = FORGER.bundle(PAYLOAD, certificate=FORGER.certificate(issuer=None, stamps=0), log=False, stamps=())
    signature = forged["dsseEnvelope"]["signatures"][0]["sig"]
    item = {"signedTimestamp": b64(MADE.time_stamp(base64.b64decode(signature)))}
    forged["verificationMaterial"]["timestampVerificationData"] = {"rfc3161Timestamps": [item]}
    yield (
        "own_forged_fail",
        _own_case("an authority of the same name, and another key", written(forged), rule="DBOM-326", twin=twin),
    )
    claims = written(
        MADE.bundle(PAYLOAD, certificate=MADE.certificate(issuer="https://accounts.google.com", stamps=0), log=False)
    )
    yield (
        "own_mints_issuer_fail",
        _own_case("one's own authority names another's issuer", claims, rule="DBOM-306", twin=twin),
    )


def _expected() -> Iterator[tuple[str, Case]]:
    def expecting(**more: str | None) -> dict[str, Any]:
        return {key: value for key, value in {**IDENTITY, **more}.items() if value is not None}

    part = expecting(identity=None, identity_regexp="ci@example")
    yield "partial_expression_fail", _fail("an expression matches in full", "DBOM-306", signed(), "regexp", expect=part)
    alone = expecting(issuer=None)
    yield (
        "identity_without_issuer_fail",
        _fail("any issuer could claim a name", "DBOM-302", signed(), expect=alone, exit=2),
    )
    suffix = signed(certificate=_leaf(issuer=ISSUER + ".evil.example"))
    yield "issuer_suffix_fail", _fail("an issuer that only begins like it", "DBOM-306", suffix)
    capital = signed(certificate=_leaf(subjects=("CI@example.org",)))
    yield "identity_case_fail", _fail("an identity in other letters", "DBOM-306", capital)
    nobody = {"trusted_root": "trusted_root.json"}
    yield "nobody_expected_fail", _fail("a root says not whom to expect", "DBOM-311", signed(), expect=nobody, exit=2)
    files = root(lambda d: d.update(timestampAuthorities=[], tlogs=[], ctlogs=[]))
    yield "root_without_time_fail", _fail("a root that nobody could meet", "DBOM-339", signed(), files=files, exit=2)


def _forms() -> Iterator[tuple[str, Case]]:
    twice = signed().replace(b'"mediaType"', b'"mediaType": "x",\n  "mediaType"', 1)
    yield "key_twice_fail", _fail("a key twice: readers differ", "DBOM-304", twice)
    yield "gzip_fail", _fail("a compressed bundle isn't unpacked", "DBOM-304", gzip.compress(signed(), mtime=0))
    bomb = gzip.compress(bytes(1 << 20), mtime=0)
    yield "bomb_fail", _fail("what would unpack to much isn't unpacked", "DBOM-304", bomb)
    yield "nested_fail", _fail("nested too deeply", "DBOM-304", b"[" * 5000 + b"]" * 5000)
    two = altered(lambda d: d["dsseEnvelope"]["signatures"].append(d["dsseEnvelope"]["signatures"][0]))
    yield "two_signatures_fail", _fail("two signatures", "DBOM-304", two)
    yield "unknown_field_fail", _fail("a field that nobody knows", "DBOM-304", altered(lambda d: d.update(extra=1)))
    newer = altered(lambda d: d.update(mediaType="application/vnd.dev.sigstore.bundle.v0.9+json"))
    yield "unknown_version_fail", _fail("a version that nobody knows", "DBOM-304", newer)
    loose = altered(
        lambda d: d["dsseEnvelope"]["signatures"][0].update(sig=d["dsseEnvelope"]["signatures"][0]["sig"] + "\n")
    )
    yield "loose_base64_fail", _fail("base64 with a stray character", "DBOM-304", loose)
    bare = altered(lambda d: d.update(messageSignature={"signature": d.pop("dsseEnvelope")["signatures"][0]["sig"]}))
    yield "bare_message_fail", _fail("a signature of a file says nothing about it", "DBOM-304", bare)
    yield "cut_off_fail", _fail("a download that broke off", "DBOM-304", signed()[:2000])


def main() -> None:
    """Write every case into this folder, and nothing else."""
    here = Path(__file__).parent
    for old in here.iterdir():
        if (old / "case.json").exists():
            shutil.rmtree(old)
    for name, case in all_cases().items():
        for path, data in case.contents().items():
            (here / name / path).parent.mkdir(parents=True, exist_ok=True)
            (here / name / path).write_bytes(data)


if __name__ == "__main__":
    main()
