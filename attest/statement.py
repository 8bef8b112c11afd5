"""in-toto statements: what somebody says about which bytes.

We build the bytes of our statements ourselves, since what is signed is bytes and not values. We read statements of
version 1 and 0.1, our own and anybody else's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from attest.oms.manifest import OmsManifest, oms_parts
from dbom.canonical import JsonObject, canonical_json, json_object
from dbom.errors import DocumentError, EvidenceError
from dbom.model import Digest, Kind, Unknown
from dbom.names import ANNOTATION_IGNORE, PREDICATE_OMS, STATEMENT_V01, STATEMENT_V1, TREE_MEDIA_TYPE
from dbom.rules.attestations import STATEMENT_MALFORMED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbom.canonical import Json
    from dbom.model import Fingerprint

__all__ = ["Statement", "Subject"]


@dataclass(frozen=True, slots=True)
class Subject:
    """One thing a statement is about.

    `digest` is the artifact's identity by kind and sha256, or None where the subject has no usable sha256 (other
    algorithms alone identify nothing here, and neither does a name). The root digest of OpenSSF Model Signing is none
    (it is no artifact's but that of a crafted file of digests): there it is the digest that follows from the resources,
    or None where none does. `annotations` are the descriptor's own.
    """

    name: str
    digest: Digest | None
    media_type: str = ""
    annotations: Mapping[str, Json] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, digest: Digest, *, ignores: tuple[str, ...] = ()) -> Self:
        """Return the subject that we write for an artifact; a tree's carries the ignore list it rests on."""
        if digest.kind is Kind.FILE:
            return cls(name, digest)
        return cls(name, digest, TREE_MEDIA_TYPE, {ANNOTATION_IGNORE: list(ignores)})

    def ignores(self) -> tuple[str, ...] | None:
        """Return the signed ignore list of a tree, or None where the statement has none."""
        value = self.annotations.get(ANNOTATION_IGNORE)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return None
        return tuple(str(item) for item in value)


@dataclass(frozen=True, slots=True)
class Statement:
    """An in-toto statement: its subjects, its predicate and the exact bytes that were or will be signed.

    `model` is what a statement of OpenSSF Model Signing lists; its one subject is then the artifact that follows.
    """

    subjects: tuple[Subject, ...]
    predicate_type: str
    predicate: JsonObject
    payload: bytes = field(repr=False)
    model: OmsManifest | None = field(default=None, repr=False, compare=False)

    @classmethod
    def of_model(cls, fingerprint: Fingerprint) -> Self:
        """Return the statement with which OpenSSF Model Signing signs this artifact (its specification, version 1.0).

        Git's files at the root of a folder are left out, as model-signing does, so the statement may be about less than
        the fingerprint: what it is about is its subject's digest. Raises `UsageError` where nothing else is there.
        """
        root, predicate = oms_parts(fingerprint)
        document: JsonObject = {
            "_type": STATEMENT_V1,
            "subject": [{"name": fingerprint.name, "digest": {"sha256": root}}],
            "predicateType": PREDICATE_OMS,
            "predicate": predicate,
        }
        return cls.parse(canonical_json(document), where="the statement to be signed")

    @classmethod
    def build(cls, subject: Subject, predicate_type: str, predicate: JsonObject) -> Self:
        """Return a statement of ours, version 1, in canonical JSON; `subject.digest` must be there."""
        if subject.digest is None:
            raise ValueError("a statement of ours names its subject by digest")
        descriptor: JsonObject = {"name": subject.name, "digest": {"sha256": subject.digest.hex}}
        if subject.media_type:
            descriptor["mediaType"] = subject.media_type
        if subject.annotations:
            descriptor["annotations"] = dict(subject.annotations)
        payload = canonical_json(
            {
                "_type": STATEMENT_V1,
                "subject": [descriptor],
                "predicateType": predicate_type,
                "predicate": predicate,
            }
        )
        return cls((subject,), predicate_type, predicate, payload)

    @classmethod
    def parse(cls, payload: bytes, *, where: str) -> Self:
        """Read a signed payload. Raises `EvidenceError` where it isn't a statement with at least one subject."""
        try:
            document = json_object(payload, where=where)
        except DocumentError as error:
            raise EvidenceError(STATEMENT_MALFORMED, error.what, where=where) from error
        if document.get("_type") not in (STATEMENT_V1, STATEMENT_V01):
            raise EvidenceError(
                STATEMENT_MALFORMED,
                "unknown _type",
                where=where,
                got=repr(document.get("_type")),
                expected=STATEMENT_V1,
            )
        subjects, predicate_type = document.get("subject"), document.get("predicateType")
        predicate = document.get("predicate", {})
        if not isinstance(predicate_type, str) or not predicate_type:
            raise EvidenceError(STATEMENT_MALFORMED, "no predicateType", where=where)
        if not isinstance(subjects, list) or not subjects:
            raise EvidenceError(STATEMENT_MALFORMED, "no subject", where=where)
        if not isinstance(predicate, dict):
            raise EvidenceError(STATEMENT_MALFORMED, "the predicate is not an object", where=where)
        model = OmsManifest.read(document, where=where)
        read = tuple(_subject(item, where) for item in subjects) if model is None else (_model_subject(model),)
        return cls(read, predicate_type, predicate, payload, model)

    def about(self, digest: Digest) -> Subject | None:
        """Return the first subject that is this artifact, by kind and sha256, or None."""
        return next((subject for subject in self.subjects if subject.digest == digest), None)


def _model_subject(model: OmsManifest) -> Subject:
    digest, ignores = model.digest, model.ignores
    if isinstance(digest, Unknown) or isinstance(ignores, Unknown):
        return Subject(model.name, None)
    return Subject.of(model.name, digest, ignores=ignores)


def _subject(item: Json, where: str) -> Subject:
    if not isinstance(item, dict):
        raise EvidenceError(STATEMENT_MALFORMED, "a subject is not an object", where=where)
    name, media_type = item.get("name", ""), item.get("mediaType", "")
    digests, annotations = item.get("digest", {}), item.get("annotations", {})
    if not (
        isinstance(name, str)
        and isinstance(media_type, str)
        and isinstance(digests, dict)
        and isinstance(annotations, dict)
    ):
        raise EvidenceError(STATEMENT_MALFORMED, "a subject is malformed", where=where)
    kind = Kind.TREE if media_type == TREE_MEDIA_TYPE else Kind.FILE
    sha256 = digests.get("sha256")
    try:
        digest = Digest(kind, sha256) if isinstance(sha256, str) else None
    except ValueError:
        digest = None
    return Subject(name, digest, media_type, annotations)
