"""Rules about signatures of OpenSSF Model Signing (DBOM-385 to 391)."""

from __future__ import annotations

from typing import Final

from dbom.rules.rule import Rule

__all__ = ["OMS_INCONSISTENT", "OMS_MALFORMED", "OMS_NAMES", "OMS_OTHER_BYTES", "OMS_PATHS_IGNORED", "OMS_UNREADABLE"]

OMS_MALFORMED: Final = Rule(
    "DBOM-385",
    "not a statement of OpenSSF Model Signing",
    "The statement says that it signs a model as OpenSSF Model Signing does, and isn't made as that specification has"
    " it: more than one subject, resources that aren't named and digested, or a digest of another length than its"
    " algorithm's.",
    "have the model signed again with a current model-signing or with `dbom sign --oms`",
)
OMS_INCONSISTENT: Final = Rule(
    "DBOM-386",
    "the root digest isn't that of the resources",
    "The subject of a signed model is the sha256 of the digests of its resources, in the order in which they stand."
    " Here it is another one, so subject and resources are of two models.",
    "have the model signed again",
)
OMS_NAMES: Final = Rule(
    "DBOM-387",
    "a signed model's names can't be those of its files",
    "The root digest doesn't bind names, so they are looked at closely: an absolute path, a .. segment, a name that"
    " stands twice, a file that is a folder of another, shards that overlap or leave a gap, or a resource under a path"
    " that is said to be ignored can't be what was signed.",
    "have the model signed again",
)
OMS_PATHS_IGNORED: Final = Rule(
    "DBOM-388",
    "the signature leaves paths out",
    "Whoever signed the model left these paths out of it, or signed with a release of model-signing that leaves out"
    " git's files without saying so. What lies there isn't covered by the signature.",
    "look at what lies there, or remove it",
)
OMS_UNREADABLE: Final = Rule(
    "DBOM-389",
    "the signed digests can't be computed here",
    "The model was signed by digests that need a package which isn't installed (BLAKE3), or that this version of dbom"
    " doesn't know.",
    "install the package with `pip install 'dbom[blake3]'`, or have the model signed by sha256",
)
OMS_OTHER_BYTES: Final = Rule(
    "DBOM-390",
    "not the model that was signed",
    "The files were read with the algorithm of the signature, and their digests aren't those that were signed.",
    "take the model from where it was signed",
)
