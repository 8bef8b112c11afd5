"""What a line of Python loads that is handed to an interpreter (`python -c "…"`), as far as it is plain. Never run.

Followed are the calls of huggingface_hub 0.35, transformers 4.56, datasets 4.0 and sentence-transformers 5.1 that name
a repository as a literal in their first argument. Everything else that looks like one of these calls is opaque.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from admission.references.container import Revision
from admission.references.hub_places import hub_target
from admission.references.places import is_path
from admission.references.reference import ModelReference, Role, Target

if TYPE_CHECKING:
    from admission.references.container import Container
    from admission.references.words import Script

__all__ = ["python_references"]

_LONGEST: Final = 64 * 1024
_CALL: Final = re.compile(
    r"\b(?P<name>snapshot_download|hf_hub_download|load_dataset|SentenceTransformer|CrossEncoder"
    r"|(?:(?P<of>\w{1,64})\.)?from_pretrained)\(\s*"
)
_LITERAL: Final = re.compile(
    r"(?:(?:repo_id|path|model|model_name_or_path|pretrained_model_name_or_path)\s*=\s*)?"
    r"(?P<quote>['\"])(?P<text>[^'\"\\\n]{1,512})(?P=quote)\s*(?=[,)])"
)
_REVISION: Final = re.compile(r"\brevision\s*=\s*(?:(?P<quote>['\"])(?P<text>[^'\"\\\n]{0,128})(?P=quote))?")
_KIND: Final = re.compile(r"\brepo_type\s*=\s*(?:(['\"])(?P<text>\w{1,16})\1)?")
_FOLDER: Final = re.compile(r"\b(?:local_dir|cache_dir)\s*=\s*(?:(['\"])(?P<text>[^'\"\\\n]{1,512})\1)?")
# With a pin, nothing else may stand there: a line of Python could make the call mean anything.
_ARGUMENT: Final = r"(?:(?:repo_id|revision|local_dir|cache_dir|repo_type)\s*=\s*)?(?:'[^'\"\\\n]*'|\"[^'\"\\\n]*\")"
_ONLY_CALL: Final = re.compile(
    r"\s*(?:from huggingface_hub import snapshot_download\s*[;\n]\s*)?snapshot_download"
    rf"\(\s*{_ARGUMENT}(?:\s*,\s*{_ARGUMENT})*\s*,?\s*\)\s*;?\s*"
)


def python_references(container: Container, script: Script) -> list[ModelReference]:
    """Return what the calls in a script of Python load."""
    text = script.text
    if not script.interpreter.startswith("python") or len(text) > _LONGEST:
        return []
    found: list[ModelReference] = []
    for call in _CALL.finditer(text):
        before = text[max(0, call.start() - 5) : call.start()]
        if not before.endswith(("def ", "class ")):
            found.append(_called(container, script, call))
    return found


def _called(container: Container, script: Script, call: re.Match[str]) -> ModelReference:
    text = script.text
    literal = _LITERAL.match(text, call.end())
    rest = text[call.end() : call.end() + 4096].partition(")")[0]
    kind = _KIND.search(rest)
    role = _role(call["name"], call["of"] or "", kind["text"] if kind else None)
    if literal is None or (kind is not None and kind["text"] is None):
        because = "which repository a line of Python loads, it reckons out itself"
        return ModelReference(role, call[0].strip(), script.path, Target.opaque(because))
    name = literal["text"]
    if is_path(name):
        return container.path_reference(role, name, script.path)
    given = _REVISION.search(rest)
    pinned = given["text"] if given else None
    if given is not None and (pinned is None or _ONLY_CALL.fullmatch(text) is None):
        because = "its revision stands in a line of Python, which may do anything else besides"
        return ModelReference(role, name, script.path, Target.opaque(because))
    folders = [match["text"] or "." for match in _FOLDER.finditer(rest)]
    prefix = "datasets/" if role is Role.DATASET else ""
    return ModelReference(
        role, name, script.path, hub_target(container, name, Revision(pinned), kind=prefix, folders=folders)
    )


def _role(name: str, of: str, kind: str | None) -> Role:
    if kind == "dataset" or name == "load_dataset":
        return Role.DATASET
    if "Tokenizer" in of:
        return Role.TOKENIZER
    return Role.PROCESSOR if "Processor" in of else Role.MODEL
