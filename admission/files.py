"""From files to what the gate takes: reviews from the YAML that people deploy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from admission.review import Review, is_admission_review
from dbom.canonical import load_json
from dbom.errors import DocumentError, PathError
from dbom.formats.yaml_reader import load_yaml_placed
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED
from dbom.rules.artifacts import PATH_MISSING, PATH_UNREADABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import IO

    from dbom.canonical import Json

__all__ = ["Given", "read_given", "read_reviews"]

_SUFFIXES: Final = (".yaml", ".yml", ".json")
_MOST_ITEMS: Final = 100_000
_LARGEST_DUMP: Final = 1024 * 1024 * 1024
_LARGEST_YAML: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Given:
    """A review that a file came to; `file` and `line` (from 1) are where its document begins."""

    review: Review
    file: str
    line: int = 1


def read_reviews(path: Path, *, namespace: str | None = None) -> list[Review]:
    """Return the reviews of `read_given` without their places."""
    return [given.review for given in read_given(path, namespace=namespace)]


def read_given(path: Path, *, namespace: str | None = None, stdin: IO[bytes] | None = None) -> list[Given]:
    """Return the reviews that a path comes to: one for each object, lists taken apart, AdmissionReviews as asked.

    A folder comes to its YAML and JSON files, those of its folders too; `-` is `stdin`. Raises `PathError` where it
    can't be read, `DocumentError` where something in it is no object.
    """
    if str(path) == "-" and stdin is not None:
        return _of_data(stdin.read(), "standard input", namespace)
    try:
        files = _files_below(path) if path.is_dir() else [path]
        return [given for file in files for given in _of_data(file.read_bytes(), str(file), namespace)]
    except FileNotFoundError as error:
        raise PathError(PATH_MISSING, "there is nothing here", where=printable(str(path))) from error
    except OSError as error:
        raise PathError(PATH_UNREADABLE, f"can't be read: {error.strerror}", where=printable(str(path))) from error


def _files_below(folder: Path) -> list[Path]:
    inside = [item for item in folder.rglob("*") if item.suffix in _SUFFIXES and item.is_file()]
    found = sorted(item for item in inside if not any(part.startswith(".") for part in item.relative_to(folder).parts))
    if not found:
        raise PathError(PATH_MISSING, "no YAML or JSON file in this folder", where=printable(str(folder)))
    return found


def _of_data(data: bytes, where: str, namespace: str | None) -> list[Given]:
    documents = _documents(data, where)
    if not documents:
        raise DocumentError(OBJECT_MALFORMED, "no object in it", where=where, expected="kind: Pod, or alike")
    found: list[Given] = []
    for number, (document, line) in enumerate(documents):
        place = where if len(documents) == 1 else f"{where}, document {number + 1}"
        for item, at in _flattened(document, place):
            if isinstance(item, dict) and is_admission_review(item):
                review = Review.of_review(item, where=at)
            else:
                review = Review.of_object(item, where=at, namespace=namespace)
            found.append(Given(review, where, line))
    return found


def _documents(data: bytes, where: str) -> list[tuple[Json, int]]:
    if data.lstrip()[:1] in (b"{", b"["):
        return [(load_json(data, where=where, limit=_LARGEST_DUMP), 1)]
    return load_yaml_placed(data, where=where, limit=_LARGEST_YAML)


def _flattened(document: Json, where: str) -> Iterator[tuple[Json, str]]:
    """Yield the objects of a `List` (or `PodList`, …), or the object itself."""
    if not isinstance(document, dict) or not str(document.get("kind", "")).endswith("List") or "items" not in document:
        yield document, where
        return
    items = document["items"]
    if not isinstance(items, list) or len(items) > _MOST_ITEMS:
        raise DocumentError(
            OBJECT_MALFORMED, "items is not a list that can be read", where=where, expected=f"at most {_MOST_ITEMS}"
        )
    kind, version = str(document.get("kind")).removesuffix("List"), document.get("apiVersion")
    for number, item in enumerate(items):
        # The items of a typed list (PodList) may leave out what the list says for all of them.
        typed = {"apiVersion": version, "kind": kind, **item} if isinstance(item, dict) and kind else item
        yield typed, f"{where}, items[{number}]"
