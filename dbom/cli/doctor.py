"""`dbom doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from dbom.cli.examination import Examination, Package, examine
from dbom.cli.options import FormatOption, OutputOption, TextOrJson
from dbom.cli.output import json_result, write_result
from dbom.cli.session import current_session
from dbom.model import Unknown

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dbom.canonical import JsonObject

__all__ = ["doctor"]


def doctor(format_: FormatOption = TextOrJson.TEXT, output: OutputOption = None) -> None:
    """Say what is installed, what is trusted and who would sign.

    Nothing is made or changed by looking. Exit code 1 says that something has to be mended, 3 that this can't be told.

    Example: dbom doctor -f json
    """
    found = examine(config=current_session().config)
    if format_ is TextOrJson.JSON:
        json_result("doctor", _document(found), output)
    else:
        write_result("\n".join(_lines(found)), output)
    if found.exit_code:
        raise typer.Exit(found.exit_code)


def _lines(found: Examination) -> Iterator[str]:
    yield f"dbom {found.dbom} on Python {found.python} ({found.interpreter})"
    yield "\nPackages"
    if isinstance(found.packages, Unknown):
        yield f"  can't tell: {found.packages.reason}"
    else:
        yield from (f"  {item.name} {item.version or 'MISSING'}{_other(item)}" for item in found.packages)
    for name, packages in found.extras.items():
        yield f"  extra {name}: {_extra(name, packages)}"
    yield "\nSettings files"
    yield from (f"  {line}" for line in found.settings_files)
    yield f"\nLocal Sigstore\n  {found.local_sigstore}"
    yield "\nTrust roots at hand"
    yield from (f"  {line}" for line in found.trust_roots or ("none",))
    yield f"\nWould sign\n  {found.signer}"
    yield "\nProblems"
    yield from (f"  {line}" for line in found.problems or ("none",))


def _other(item: Package) -> str:
    return f", expected {item.wanted}" if item.is_other else ""


def _extra(name: str, packages: Sequence[Package]) -> str:
    others = [f"{item.name} is {item.version}{_other(item)}" for item in packages if item.is_other]
    mended_by = f"(pip install 'dbom[{name}]')"
    if any(not item.version for item in packages):
        return f"not installed {mended_by}"
    return f"{'; '.join(others)} {mended_by}" if others else "installed"


def _document(found: Examination) -> JsonObject:
    return {
        "dbom": found.dbom,
        "python": found.python,
        "interpreter": found.interpreter,
        "packages": {"unknown": found.packages.reason}
        if isinstance(found.packages, Unknown)
        else [_package(item) for item in found.packages],
        "extras": {name: [_package(item) for item in items] for name, items in found.extras.items()},
        "settingsFiles": list(found.settings_files),
        "localSigstore": found.local_sigstore,
        "trustRoots": list(found.trust_roots),
        "signer": found.signer,
        "problems": list(found.problems),
        "canTell": not isinstance(found.packages, Unknown),
    }


def _package(item: Package) -> JsonObject:
    return {"name": item.name, "wanted": item.wanted, "version": item.version or None, "isOther": item.is_other}
