"""The document that describes an artifact: a CycloneDX data BOM.

bom = Bom.parse(data, where="model.dbom/bom.cdx.json")   # any valid CycloneDX JSON; refused with every fault
bom.artifact, bom.name, bom.version, bom.kind_word       # Digest | Unknown, texts, "dataset" | "model" | "data"
bom.licenses, bom.licenses_known                         # ids, expressions, names, or Unknown; and by whose word
bom.derivations                                          # what the BOM says this came from
bom.to_json()                                            # everything that was there, known to us or not
matches(bom, digest)                                     # is it about these bytes, by kind and digits?

dbom.bom.generating.generate_bom(path, fingerprint, options, timestamp=None) -> Bom   # reads files for facts
dbom.bom.generating.describe_path(path, fingerprint, options, timestamp=None) -> Description   # and its findings
dbom.bom.describing.describe(fingerprint, facts, timestamp=None) -> Bom               # pure
"""

from __future__ import annotations

from dbom.bom.document import Bom, matches
from dbom.bom.linting import lint

__all__ = ["Bom", "lint", "matches"]
