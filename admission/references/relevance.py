"""The part of an object that references are read from: what isn't in it can decide nothing, since nothing else is read.

Whoever judges an object judges this part of it: the extractors get these bytes and no others. So an update that leaves
it as it is loads what was loaded before, and its digest says whether two objects are one and the same to the gate.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import msgspec

from admission.references.kinds import is_read
from admission.references.shapes import Metadata, Part, object_type
from dbom.errors import DocumentError
from dbom.printable import printable
from dbom.rules.admission import OBJECT_MALFORMED

if TYPE_CHECKING:
    from dbom.canonical import JsonObject

__all__ = ["NEVER_READ", "RelevantPart", "part_of", "relevant_part"]

_GENERATED: Final = b'"kube-api-access-'
_END: Final = 6  # five random letters or digits and the quote
_PLACEHOLDER: Final = b'"kube-api-access-generated"'
NEVER_READ: Final = ("metadata", "status")
"""Members of which nothing but the annotations that are declared is read, whatever the kind."""

_ENCODER: Final = msgspec.json.Encoder(order="deterministic")
_DECODER: Final = msgspec.json.Decoder()
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_METADATA: Final = msgspec.json.Decoder(Metadata | None)
_KIND_ONLY: Final = msgspec.json.Decoder(Part)


class RelevantPart(msgspec.Struct, frozen=True):
    """The part of an object that is read, as JSON, and the API version and kind that the object says it has.

    `is_whole` is set where the object isn't of the shape that its kind has: then no part of it can be picked.
    """

    data: bytes
    api_version: str | None = None
    kind: str | None = None
    is_whole: bool = False

    def document(self, *, where: str) -> JsonObject:
        """Return the part as it is read, from these very bytes. Raises `DocumentError` where that isn't possible."""
        try:
            found = _DECODER.decode(self.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise _unreadable(error, where) from error
        if not isinstance(found, dict):
            raise DocumentError(OBJECT_MALFORMED, "not an object", where=where)
        return found


def relevant_part(data: bytes | msgspec.Raw, *, group: str, kind: str, where: str) -> RelevantPart:
    """Return the part of an object (as JSON) that references are read from, always the same bytes for the same part.

    Of pods and workloads these are the fields that `admission.references.shapes` declares, of other kinds that are read
    everything but status and metadata (of which the annotations that are read stay), of any other kind nothing. The
    name of the volume that the service account controller adds is random; one placeholder takes its place, wherever it
    stands. Raises `DocumentError` for what isn't JSON.
    """
    decoder = _decoder(group, kind)
    try:
        if decoder is not None:
            return part_of(decoder.decode(data))
        if is_read(group, kind):
            return _of_resource(data)
        said = _KIND_ONLY.decode(data)
        return RelevantPart(b"{}", said.apiVersion, said.kind)
    except msgspec.ValidationError:
        return RelevantPart(bytes(data), is_whole=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(error, where) from error


def part_of(found: Part) -> RelevantPart:
    """Return the relevant part of a workload's object that was read into its type."""
    return RelevantPart(_alike(_ENCODER.encode(found)), found.apiVersion, found.kind)


@cache
def _decoder(group: str, kind: str) -> msgspec.json.Decoder[Part] | None:
    found = object_type(group, kind)
    return None if found is None else msgspec.json.Decoder(found)


def _of_resource(data: bytes | msgspec.Raw) -> RelevantPart:
    members = _MEMBERS.decode(data)
    kept = {key: value for key, value in members.items() if key not in NEVER_READ}
    if "metadata" in members:
        kept["metadata"] = msgspec.Raw(_ENCODER.encode(_METADATA.decode(members["metadata"])))
    said = _KIND_ONLY.decode(data)
    return RelevantPart(_alike(_ENCODER.encode(kept)), said.apiVersion, said.kind)


def _alike(data: bytes) -> bytes:
    """Return the same JSON with a placeholder for the one generated name, where it is one and can't be mistaken."""
    pieces = data.split(_GENERATED)
    if len(pieces) == 1:
        return data
    before, end = pieces[0], pieces[1][:_END]
    if not (end[:-1].isalnum() and end == end.lower() and end.endswith(b'"')):
        return data
    kept = [before]
    for piece in pieces[1:]:
        # Nothing else begins like it, inside no other text either: so neither it nor the placeholder is another's name.
        if before.endswith(b"\\") or not piece.startswith(end):
            return data
        before = piece
        kept.append(piece[_END:])
    return _PLACEHOLDER.join(kept)


def _unreadable(error: Exception, where: str) -> DocumentError:
    if isinstance(error, RecursionError):
        return DocumentError(OBJECT_MALFORMED, "nested too deeply", where=where)
    return DocumentError(OBJECT_MALFORMED, f"not JSON: {printable(str(error))}", where=where)
