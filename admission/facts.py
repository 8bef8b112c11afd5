"""What statements say that a policy may ask for, read once when evidence is loaded; what isn't said is an `Unknown`.

BOMs are CycloneDX of any version that `dbom.bom` reads, ours and others'; provenance is SLSA v1 as `dbom run`, GitHub's
and other builders write it. A fact is somebody's signed word, no more: policies say whose word they take.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, Self

from dbom.bom.reading import member, objects, property_value, text, walk_objects
from dbom.errors import DbomError
from dbom.model import Unknown
from dbom.names import PREDICATE_BOM, PREDICATE_PROVENANCE
from dbom.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from attest.statement import Statement
    from dbom.bom import Bom
    from dbom.canonical import Json, JsonObject
    from dbom.model import Digest

__all__ = ["BomFacts", "FileKinds", "ProvenanceFacts", "facts_of"]

_FORMAT_COUNT: Final = "dbom:format:"
_COUNT: Final = re.compile(r"[0-9]{1,15}")
_CODE_NAME: Final = re.compile(
    r".*\.(?:py|pyc|pyd|pyw|ipynb|so(?:\.[0-9]+)*|dll|dylib|exe|sh|bash|bat|ps1|jar|class|js|mjs|wasm|lua|pl|rb|cu|ptx)",
    re.IGNORECASE,
)
_GIT: Final = re.compile(r"git\+(?P<repository>[a-z+]+://(?:[^@/\s]*@)?[^@\s?#]+)(?:@(?P<ref>[^\s?#]+))?.*", re.DOTALL)
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class FileKinds:
    """The formats of all files of an artifact by their number, and the names of the files where they are listed.

    `code` are the files that are programs by their names, which loaders go by; it is unknown where files aren't
    listed. The words for formats are those of `dbom.formats.recognition.FileFormat`.
    """

    formats: tuple[tuple[str, int], ...]
    code: tuple[str, ...] | Unknown


@dataclass(frozen=True, slots=True)
class BomFacts:
    """What a BOM says of the component that it describes.

    `what` is `model`, `dataset` or `data` (empty where the BOM can't be read). `classifications` are the levels that
    CycloneDX calls `classification`, of the component's own data and of that of its parents which the BOM describes;
    `sensitive` the kinds of sensitive data that it names, empty where it says that there are none.
    """

    artifact: Digest | Unknown
    name: str
    what: str
    licenses: tuple[str, ...] | Unknown
    classifications: tuple[str, ...] | Unknown
    sensitive: tuple[str, ...] | Unknown
    files: FileKinds | Unknown

    @classmethod
    def of(cls, predicate: JsonObject, where: str) -> Self:
        """Read the predicate of a BOM statement; where it is no BOM, every fact is unknown and says so."""
        from dbom.bom import Bom  # noqa: PLC0415  only stores with BOMs pay for it

        try:
            return cls.of_bom(Bom.of_document(predicate, where=where))
        except DbomError as error:
            return cls.unread(error)

    @classmethod
    def unread(cls, error: DbomError) -> Self:
        """Return the facts of what is no BOM: none is known."""
        unknown = Unknown(f"the BOM can't be read: {printable(error.what)}")
        return cls(unknown, "", "", unknown, unknown, unknown, unknown)

    @classmethod
    def of_bom(cls, bom: Bom) -> Self:
        """Read a BOM."""
        data = list(_data(bom))
        return cls(
            bom.artifact,
            bom.name,
            bom.kind_word,
            bom.licenses,
            _classifications(data),
            _sensitive(data),
            _files(bom.component),
        )

    def is_about(self, digest: Digest) -> bool:
        """Return whether what it says is about this artifact, as far as it says about which."""
        return isinstance(self.artifact, Unknown) or self.artifact == digest

    def licenses_or_none(self) -> tuple[str, ...]:
        """Return the licences that are known, none where they aren't."""
        return () if isinstance(self.licenses, Unknown) else self.licenses


@dataclass(frozen=True, slots=True)
class ProvenanceFacts:
    """What SLSA provenance v1 says of the run that made its subjects.

    `source` is the URL of the repository, without `git+`, user names and `.git`; `ref` is a full one
    (`refs/heads/main`); `commit` is in hex. `dirty` says whether the sources differed from the commit. The times are
    the builder's own clock: they are no trusted times.
    """

    builder: str | Unknown
    build_type: str | Unknown
    source: str | Unknown
    ref: str | Unknown
    commit: str | Unknown
    dirty: bool | Unknown
    started: datetime | Unknown
    finished: datetime | Unknown
    invocation: str | Unknown

    @classmethod
    def of(cls, predicate: JsonObject, where: str) -> Self:  # noqa: ARG003  the shape of all facts
        """Read the predicate of a provenance statement; what it doesn't say is unknown."""
        definition, details = predicate.get("buildDefinition"), predicate.get("runDetails")
        source, ref, commit = _source(definition)
        return cls(
            _said(text(details, "builder", "id"), "no builder is named"),
            _said(text(definition, "buildType"), "no build type is named"),
            source,
            ref,
            commit,
            _dirty(definition),
            _moment(member(details, "metadata", "startedOn"), "it doesn't say when it started"),
            _moment(member(details, "metadata", "finishedOn"), "it doesn't say when it ended"),
            _said(text(details, "metadata", "invocationId"), "no invocation is named"),
        )


def facts_of(statement: Statement, where: str) -> BomFacts | ProvenanceFacts | None:
    """Return what is read of a statement, None where nothing is read of its type. Never raises."""
    if statement.predicate_type == PREDICATE_BOM:
        return BomFacts.of(statement.predicate, where)
    if statement.predicate_type == PREDICATE_PROVENANCE:
        return ProvenanceFacts.of(statement.predicate, where)
    return None


def _data(bom: Bom) -> Iterator[JsonObject]:
    """Yield what CycloneDX calls component data: the component's own, then that of its parents."""
    yield from objects(bom.component, "data")
    datasets = list(objects(bom.component, "modelCard", "modelParameters", "datasets"))
    every = walk_objects(bom.document) if datasets else ()
    by_ref = {ref: item for item in every if isinstance(ref := item.get("bom-ref"), str)}
    for dataset in datasets:
        found = by_ref.get(text(dataset, "ref"), {}) if text(dataset, "ref") else dataset
        if found.get("data") is None:
            yield found
        yield from objects(found, "data")
    for parent in (*objects(bom.component, "pedigree", "ancestors"), *objects(bom.document, "components")):
        yield from objects(parent, "data")


def _classifications(data: list[JsonObject]) -> tuple[str, ...] | Unknown:
    found = sorted({stated for item in data if (stated := text(item, "classification").strip())})
    return tuple(found) or Unknown("the BOM states no classification")


def _sensitive(data: list[JsonObject]) -> tuple[str, ...] | Unknown:
    stated = [item["sensitiveData"] for item in data if isinstance(item.get("sensitiveData"), list)]
    if not stated:
        return Unknown("the BOM doesn't say whether there is sensitive data")
    return tuple(
        sorted({item for items in stated if isinstance(items, list) for item in items if isinstance(item, str)})
    )


def _files(component: JsonObject) -> FileKinds | Unknown:
    """Return the formats of all files, unknown where one of them wasn't looked at or nothing is said of it."""
    counts = [
        (text(item, "name").removeprefix(_FORMAT_COUNT), text(item, "value"))
        for item in objects(component, "properties")
        if text(item, "name").startswith(_FORMAT_COUNT)
    ]
    files = property_value(component, "dbom:files")
    if not counts or _COUNT.fullmatch(files) is None:
        return Unknown("the BOM doesn't say which formats its files have")
    if any(_COUNT.fullmatch(count) is None for _, count in counts) or len(dict(counts)) != len(counts):
        return Unknown("the BOM counts formats in a way that can't be read")
    total = sum(int(count) for _, count in counts)
    if total != int(files):
        return Unknown(f"the BOM tells the formats of {total} files, and there are {files}")
    listed = [text(item, "name") for item in objects(component, "components") if item.get("type") == "file"]
    code: tuple[str, ...] | Unknown = tuple(name for name in listed if _is_code(name))
    if len(listed) != total:
        code = Unknown("the BOM doesn't list every file by name")
    return FileKinds(tuple(sorted((name, int(count)) for name, count in counts)), code)


def _is_code(name: str) -> bool:
    return _CODE_NAME.fullmatch(name) is not None


def _source(definition: Json) -> tuple[str | Unknown, str | Unknown, str | Unknown]:
    """Return repository, ref and commit: as dbom says them, as GitHub does, or as dependencies that are git."""
    ours = member(definition, "internalParameters", "source")
    if isinstance(ours, dict) and text(ours, "gitCommit"):
        return (
            _repository(text(ours, "remote")) or Unknown("the folder of the run had no remote repository"),
            Unknown("dbom run records a commit, and no ref"),
            _commit(text(ours, "gitCommit")),
        )
    found = [match for item in objects(definition, "resolvedDependencies") if (match := _git(item)) is not None]
    workflow = member(definition, "externalParameters", "workflow")
    if isinstance(workflow, dict) and text(workflow, "repository"):
        repository, ref = _repository(text(workflow, "repository")), text(workflow, "ref")
        commits = {commit for source, _, commit in found if source == repository and commit}
        commit = _commit(commits.pop()) if len(commits) == 1 else Unknown("its commit isn't told")
        return repository or Unknown("no repository is named"), _said(ref, "no ref is named"), commit
    if len({source for source, _, _ in found}) != 1:
        unknown = Unknown("several repositories are named" if found else "no repository is named")
        return unknown, unknown, unknown
    refs, commits = ({item[place] for item in found if item[place]} for place in (1, 2))
    return (
        found[0][0],
        refs.pop() if len(refs) == 1 else Unknown("its ref isn't told"),
        _commit(commits.pop()) if len(commits) == 1 else Unknown("its commit isn't told"),
    )


def _git(descriptor: JsonObject) -> tuple[str, str, str] | None:
    """Return repository, ref and commit of a dependency that is git, in the SPDX form of its URI."""
    match = _GIT.fullmatch(text(descriptor, "uri"))
    if match is None:
        return None
    digest = text(descriptor, "digest", "gitCommit") or text(descriptor, "digest", "sha1")
    return _repository(match["repository"]), match["ref"] or "", digest


def _repository(url: str) -> str:
    """Return a repository's URL as policies write it."""
    plain = re.sub(r"(?<=://)[^/@]*@", "", url.strip().removeprefix("git+"))
    return plain.rstrip("/").removesuffix(".git")


def _commit(stated: str) -> str | Unknown:
    return stated if _COMMIT.fullmatch(stated) else Unknown("what is named as commit is none")


def _dirty(definition: Json) -> bool | Unknown:
    stated = member(definition, "internalParameters", "source", "dirty")
    return stated if isinstance(stated, bool) else Unknown("it doesn't say whether the sources were as committed")


def _moment(value: Json, otherwise: str) -> datetime | Unknown:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return Unknown("a time that can't be read")
    if found is None:
        return Unknown(otherwise)
    return Unknown("a time without its zone") if found.tzinfo is None else found.astimezone(UTC)


def _said(stated: str, otherwise: str) -> str | Unknown:
    return stated or Unknown(otherwise)
