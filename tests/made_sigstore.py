"""A Sigstore made for tests: fixed keys, a fixed clock, and the same bytes each time it is asked.

It signs as Fulcio, a certificate log, Rekor (both generations) and a time-stamp authority would, and it also makes
what none of them ever would: that is what the refusal cases are made of. Signatures are deterministic (RFC 6979).
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, TypedDict

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from attest.dsse import pre_authentication_encoding
from attest.local import der
from dbom.canonical import canonical_json
from dbom.names import BUNDLE_V03, DSSE_PAYLOAD_TYPE, TRUSTED_ROOT_V01

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

    from dbom.canonical import Json, JsonObject

    Key = ec.EllipticCurvePrivateKey

__all__ = ["ISSUER", "SIGNED_AT", "SUBJECT", "MadeSigstore", "b64", "fixed_key", "pem_of", "spki_of", "written"]

SIGNED_AT = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""When everything is signed, unless said otherwise."""

SUBJECT, ISSUER = "ci@example.org", "https://issuer.example.org"
"""Who signs, unless said otherwise."""

_SHA256 = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
_ISSUER_V1 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.1")
_ISSUER_V2 = x509.ObjectIdentifier("1.3.6.1.4.1.57264.1.8")
_SCT_LIST = x509.ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def fixed_key(name: str, curve: ec.EllipticCurve | None = None) -> Key:
    """Return the key of this name: the same each time, and nobody's secret."""
    number = int.from_bytes(hashlib.sha512(b"dbom tests: " + name.encode()).digest(), "big")
    used = curve or ec.SECP256R1()
    return ec.derive_private_key(number % (1 << (used.key_size - 2)) + 1, used)


def spki_of(key: CertificatePublicKeyTypes) -> bytes:
    """Return the DER SubjectPublicKeyInfo of a public key."""
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def pem_of(data: bytes, label: str) -> bytes:
    """Return DER in PEM armour, as Go writes it."""
    text = base64.b64encode(data).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def b64(data: bytes) -> str:
    """Return base64."""
    return base64.b64encode(data).decode()


def _sign(key: Key, data: bytes) -> bytes:
    return key.sign(data, _SHA256)


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "made"), x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    )


def _stamp(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class _Lifetime(TypedDict):
    """From when and for how long a certificate is valid."""

    start: datetime
    minutes: int


@dataclass(frozen=True)
class MadeSigstore:
    """A whole Sigstore of one name; two of different names share nothing.

    With a `secret` it is a forger's: all the names are the same, and every key is another.
    """

    name: str = "made"
    secret: str = ""
    start: datetime = field(default=datetime(2026, 1, 1, tzinfo=UTC))

    def key(self, role: str) -> Key:
        """Return the key of a role: `root`, `ca`, `ct`, `log`, `tsa-root`, `tsa`, `leaf`."""
        return fixed_key(f"{self.name}{self.secret} {role}")

    @property
    def log_id(self) -> bytes:
        """The log's id: the sha256 of its public key."""
        return hashlib.sha256(spki_of(self.key("log").public_key())).digest()

    # Certificates

    def authority(self) -> tuple[x509.Certificate, x509.Certificate]:
        """Return the intermediate that issues and the root that it rests on."""
        root = self._authority_certificate("root", "root", "root", None, 1)
        return self._authority_certificate("ca", "ca", "root", root, 0), root

    def time_stamper(self, role: str = "tsa") -> tuple[x509.Certificate, x509.Certificate]:
        """Return the time stamper's certificate and its root."""
        root = self._authority_certificate(f"{role}-root", f"{role}-root", f"{role}-root", None, 0)
        leaf = (
            self._builder(role, _name(f"{self.name} {role}"), root.subject, key=self.key(role), **self._for_years())
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(_authority_key(self.key(f"{role}-root")), critical=False)
        )
        return leaf.sign(self.key(f"{role}-root"), hashes.SHA256(), ecdsa_deterministic=True), root

    def _authority_certificate(
        self, role: str, key: str, by: str, issuer: x509.Certificate | None, depth: int
    ) -> x509.Certificate:
        name = _name(f"{self.name} {role}")
        own = self.key(key)
        builder = (
            self._builder(role, name, name if issuer is None else issuer.subject, key=own, **self._for_years())
            .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
            .add_extension(_key_usage(certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(own.public_key()), critical=False)
            .add_extension(_authority_key(self.key(by)), critical=False)
        )
        return builder.sign(self.key(by), hashes.SHA256(), ecdsa_deterministic=True)

    def _for_years(self) -> _Lifetime:
        return {"start": self.start, "minutes": 3650 * 24 * 60}

    def _builder(
        self, role: str, subject: x509.Name, issuer: x509.Name, *, key: Key, start: datetime, minutes: int
    ) -> x509.CertificateBuilder:
        serial = int.from_bytes(hashlib.sha256(f"{self.name} {role}".encode()).digest()[:16], "big") >> 1 | 1
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(serial)
            .not_valid_before(start)
            .not_valid_after(start + timedelta(minutes=minutes))
        )

    def certificate(
        self,
        *,
        subjects: Sequence[str] = (SUBJECT,),
        issuer: str | None = ISSUER,
        start: datetime = SIGNED_AT - timedelta(minutes=1),
        minutes: int = 10,
        stamps: int = 1,
        stamp_of: MadeSigstore | None = None,
        purpose: x509.ObjectIdentifier = ExtendedKeyUsageOID.CODE_SIGNING,
        is_authority: bool = False,
        role: str = "leaf",
        curve: ec.EllipticCurve | None = None,
    ) -> tuple[x509.Certificate, Key]:
        """Return a signer's certificate and its key; by default one that holds, as Fulcio issues it."""
        ca, _ = self.authority()
        key = fixed_key(f"{self.name} {role}", curve)
        names = [x509.RFC822Name(subject) for subject in subjects]
        builder = (
            self._builder(role, x509.Name([]), ca.subject, key=key, start=start, minutes=minutes)
            .add_extension(_key_usage(certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(_authority_key(self.key("ca")), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
        )
        if is_authority:
            builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        if issuer is not None:
            builder = builder.add_extension(x509.UnrecognizedExtension(_ISSUER_V1, issuer.encode()), critical=False)
            builder = builder.add_extension(
                x509.UnrecognizedExtension(_ISSUER_V2, der.utf8_string(issuer)), critical=False
            )
        if stamps:
            body = builder.sign(self.key("ca"), hashes.SHA256(), ecdsa_deterministic=True).tbs_certificate_bytes
            items = [
                (stamp_of or self).certificate_timestamp(body, ca, start + timedelta(seconds=number))
                for number in range(stamps)
            ]
            listed = b"".join(struct.pack(">H", len(item)) + item for item in items)
            value = der.octet_string(struct.pack(">H", len(listed)) + listed)
            builder = builder.add_extension(x509.UnrecognizedExtension(_SCT_LIST, value), critical=False)
        return builder.sign(self.key("ca"), hashes.SHA256(), ecdsa_deterministic=True), key

    def certificate_timestamp(self, body: bytes, issuer: x509.Certificate, at: datetime) -> bytes:
        """Return an SCT over a certificate's body as it is without one."""
        key, milliseconds = self.key("ct"), int(at.timestamp()) * 1000
        issuer_key = hashlib.sha256(spki_of(issuer.public_key())).digest()
        entry = struct.pack(">BBQH", 0, 0, milliseconds, 1) + issuer_key + len(body).to_bytes(3, "big") + body + b"\0\0"
        signature = _sign(key, entry)
        log_id = hashlib.sha256(spki_of(key.public_key())).digest()
        return struct.pack(">B32sQH2sH", 0, log_id, milliseconds, 0, b"\x04\x03", len(signature)) + signature

    # Time stamps

    def time_stamp(self, signature: bytes, at: datetime = SIGNED_AT, *, role: str = "tsa") -> bytes:
        """Return an RFC 3161 response over a signature."""
        certificate, _ = self.time_stamper(role)
        encoded = certificate.public_bytes(Encoding.DER)
        sha256 = der.sequence(der.object_identifier("2.16.840.1.101.3.4.2.1"), der.null())
        tst_info = der.object_identifier("1.2.840.113549.1.9.16.1.4")
        info = der.sequence(
            der.integer(1),
            der.object_identifier("1.3.6.1.4.1.57264.2"),
            der.sequence(sha256, der.octet_string(hashlib.sha256(signature).digest())),
            der.integer(int.from_bytes(hashlib.sha256(signature).digest()[:8], "big")),
            der.generalized_time(at),
        )
        attributes = (
            der.sequence(der.object_identifier("1.2.840.113549.1.9.3"), der.set_of(tst_info)),
            der.sequence(der.object_identifier("1.2.840.113549.1.9.5"), der.set_of(der.utc_time(at))),
            der.sequence(
                der.object_identifier("1.2.840.113549.1.9.4"),
                der.set_of(der.octet_string(hashlib.sha256(info).digest())),
            ),
            der.sequence(
                der.object_identifier("1.2.840.113549.1.9.16.2.47"),
                der.set_of(
                    der.sequence(der.sequence(der.sequence(der.octet_string(hashlib.sha256(encoded).digest()))))
                ),
            ),
        )
        signer = der.sequence(
            der.integer(1),
            der.sequence(certificate.issuer.public_bytes(), der.integer(certificate.serial_number)),
            sha256,
            der.explicit(0, der.set_of_members(*attributes)),
            der.sequence(der.object_identifier("1.2.840.10045.4.3.2")),
            der.octet_string(_sign(self.key(role), der.set_of(*attributes))),
        )
        signed = der.sequence(
            der.integer(3),
            der.set_of(sha256),
            der.sequence(tst_info, der.explicit(0, der.octet_string(info))),
            der.explicit(0, encoded),
            der.set_of(signer),
        )
        content = der.sequence(der.object_identifier("1.2.840.113549.1.7.2"), der.explicit(0, signed))
        return der.sequence(der.sequence(der.integer(0)), content)

    # Log entries

    def log_entry(
        self,
        body: bytes,
        kind: str,
        *,
        at: datetime | None = SIGNED_AT,
        others: Sequence[bytes] = (b"an older entry",),
        origin: str = "log.example.org - 7",
        signs_as: str | None = None,
    ) -> JsonObject:
        """Return a `tlogEntries` item: the last of a small log. `at` of None is Rekor 2's, without promise and time."""
        leaves = [hashlib.sha256(b"\0" + entry).digest() for entry in (*others, body)]
        root, path = _tree(leaves)
        index, key = len(leaves) - 1, self.key("log")
        note = f"{origin}\n{len(leaves)}\n{b64(root)}\n"
        name = signs_as or origin.split(" - ", maxsplit=1)[0]
        signed_note = f"{note}\n\u2014 {name} {b64(self.log_id[:4] + _sign(key, note.encode()))}\n"
        entry: JsonObject = {
            "logIndex": str(index),
            "logId": {"keyId": b64(self.log_id)},
            "kindVersion": dict(zip(("kind", "version"), kind.split(), strict=True)),
            "inclusionProof": {
                "logIndex": str(index),
                "rootHash": b64(root),
                "treeSize": str(len(leaves)),
                "hashes": [b64(item) for item in path],
                "checkpoint": {"envelope": signed_note},
            },
            "canonicalizedBody": b64(body),
        }
        if at is not None:
            seconds = int(at.timestamp())
            promised = canonical_json(
                {"body": b64(body), "integratedTime": seconds, "logID": self.log_id.hex(), "logIndex": index}
            )
            entry["integratedTime"] = str(seconds)
            entry["inclusionPromise"] = {"signedEntryTimestamp": b64(_sign(key, promised))}
        return entry

    # Whole bundles

    def bundle(
        self,
        payload: bytes,
        *,
        certificate: tuple[x509.Certificate, Key] | None = None,
        key: Key | None = None,
        kind: str = "dsse 0.0.1",
        payload_type: str = DSSE_PAYLOAD_TYPE,
        media_type: str = BUNDLE_V03,
        log: bool = True,
        at: datetime | None = SIGNED_AT,
        stamps: Sequence[datetime] = (SIGNED_AT,),
        stamped_by: str = "tsa",
    ) -> JsonObject:
        """Return a bundle as a document: of a certificate (by default one that holds), or of a bare `key`."""
        signer = key
        material: JsonObject
        if signer is None:
            leaf, signer = certificate or self.certificate()
            who = leaf.public_bytes(Encoding.DER)
            named = pem_of(who, "CERTIFICATE")
            one: JsonObject = {"rawBytes": b64(who)}
            material = (
                {"certificate": one} if media_type == BUNDLE_V03 else {"x509CertificateChain": {"certificates": [one]}}
            )
        else:
            who = spki_of(signer.public_key())
            named = pem_of(who, "PUBLIC KEY")
            material = {"publicKey": {"hint": b64(hashlib.sha256(who).digest())}}
        encoded = pre_authentication_encoding(payload_type, payload)
        algorithm = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}[signer.curve.key_size]
        signature = signer.sign(encoded, ec.ECDSA(algorithm, deterministic_signing=True))
        body = log_body(kind, payload, payload_type, signature, named=named, who=who, is_certificate=key is None)
        if log:
            material["tlogEntries"] = [self.log_entry(body, kind, at=at)]
        if stamps:
            signed: list[Json] = [
                {"signedTimestamp": b64(self.time_stamp(signature, moment, role=stamped_by))} for moment in stamps
            ]
            material["timestampVerificationData"] = {"rfc3161Timestamps": signed}
        return {
            "mediaType": media_type,
            "verificationMaterial": material,
            "dsseEnvelope": {
                "payload": b64(payload),
                "payloadType": payload_type,
                "signatures": [{"sig": b64(signature)}],
            },
        }

    def trusted_root(self, *, log: bool = True, sct: bool = True, stamper: bool = True) -> JsonObject:
        """Return the `trusted_root.json` that vouches for what is signed here, with or without some of its parts."""
        window: JsonObject = {"start": _stamp(self.start)}
        root: JsonObject = {
            "mediaType": TRUSTED_ROOT_V01,
            "certificateAuthorities": [_chain_item(self.authority(), window, f"https://ca.{self.name}.example.org")],
        }
        if log:
            root["tlogs"] = [_key_item(self.key("log"), window, "https://log.example.org")]
        if sct:
            root["ctlogs"] = [_key_item(self.key("ct"), window, f"https://ct.{self.name}.example.org")]
        if stamper:
            root["timestampAuthorities"] = [
                _chain_item(self.time_stamper(), window, f"https://tsa.{self.name}.example.org")
            ]
        return root


def log_body(
    kind: str, payload: bytes, payload_type: str, signature: bytes, *, named: bytes, who: bytes, is_certificate: bool
) -> bytes:
    """Return the canonical body of a log entry of a kind; `named` is the signer in PEM, `who` in DER."""
    sha256 = hashlib.sha256(payload).hexdigest()
    encoded = hashlib.sha256(pre_authentication_encoding(payload_type, payload)).digest()
    verifier: JsonObject = {
        "keyDetails": "PKIX_ECDSA_P256_SHA_256",
        "x509Certificate" if is_certificate else "publicKey": {"rawBytes": b64(who)},
    }
    specs: dict[str, JsonObject] = {
        "dsse 0.0.1": {
            "envelopeHash": {"algorithm": "sha256", "value": sha256},
            "payloadHash": {"algorithm": "sha256", "value": sha256},
            "signatures": [{"signature": b64(signature), "verifier": b64(named)}],
        },
        "intoto 0.0.2": {
            "content": {
                "envelope": {
                    "payloadType": payload_type,
                    "signatures": [{"publicKey": b64(named), "sig": b64(b64(signature).encode())}],
                },
                "hash": {"algorithm": "sha256", "value": sha256},
                "payloadHash": {"algorithm": "sha256", "value": sha256},
            }
        },
        "hashedrekord 0.0.1": {
            "data": {"hash": {"algorithm": "sha256", "value": encoded.hex()}},
            "signature": {"content": b64(signature), "publicKey": {"content": b64(named)}},
        },
        "hashedrekord 0.0.2": {
            "hashedRekordV002": {
                "data": {"algorithm": "SHA2_256", "digest": b64(encoded)},
                "signature": {"content": b64(signature), "verifier": verifier},
            }
        },
        "dsse 0.0.2": {
            "dsseV002": {
                "payloadHash": {"algorithm": "SHA2_256", "digest": b64(bytes.fromhex(sha256))},
                "signatures": [{"content": b64(signature), "verifier": verifier}],
            }
        },
    }
    name, version = kind.split()
    return canonical_json({"apiVersion": version, "kind": name, "spec": specs.get(kind, {})})


def written(document: JsonObject) -> bytes:
    """Return a document as the files of the cases hold it: readable, and the same each time."""
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n"


def _tree(leaves: Sequence[bytes]) -> tuple[bytes, list[bytes]]:
    """Return the root of a log and the path of its last leaf (RFC 9162, section 2.1)."""
    if len(leaves) == 1:
        return leaves[0], []
    split = 1 << (len(leaves) - 1).bit_length() - 1
    left, _ = _tree(leaves[:split])
    right, path = _tree(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest(), [*path, left]


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    names = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    never = dict.fromkeys((*names, "decipher_only"), False)
    return x509.KeyUsage(digital_signature=not certificates, key_cert_sign=certificates, crl_sign=certificates, **never)


def _authority_key(key: Key) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())


def _chain_item(chain: Sequence[x509.Certificate], window: JsonObject, url: str) -> JsonObject:
    certificates: list[Json] = [{"rawBytes": b64(item.public_bytes(Encoding.DER))} for item in chain]
    names: JsonObject = {"organization": "made", "commonName": url}
    return {"subject": names, "uri": url, "certChain": {"certificates": certificates}, "validFor": dict(window)}


def _key_item(key: Key, window: JsonObject, url: str) -> JsonObject:
    spki = spki_of(key.public_key())
    return {
        "baseUrl": url,
        "hashAlgorithm": "SHA2_256",
        "publicKey": {"rawBytes": b64(spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": dict(window)},
        "logId": {"keyId": b64(hashlib.sha256(spki).digest())},
    }
