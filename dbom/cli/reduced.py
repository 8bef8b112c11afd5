"""`dbom fingerprint --segments`: a tree reduced on the workers, of which only the digest and counts come back."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dbom.cli.output import demand_outside, json_result, opened_file, say, write_result
from dbom.cli.progress import progress_bar
from dbom.cli.session import current_session
from dbom.errors import UsageError
from dbom.fingerprinting import is_url
from dbom.printable import printable
from dbom.rules.artifacts import WRITES_INTO_ARTIFACT
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dbom.canonical import JsonObject
    from dbom.reducing import ReducedSource

__all__ = ["Reducing", "write_reduced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reducing:
    """How a tree is reduced, and where its manifest goes: as segments, and as one file where that is wanted."""

    segments: str
    manifest: Path | None
    ignores: Sequence[str]
    engine: str
    ray_address: str | None
    jobs: int
    journal: Path | None
    computed: bool

    def read(self, path: str) -> ReducedSource:
        """Reduce the tree at `path`, a path or URL. Raises as `dbom.reducing.reduce_source` does."""
        from dbom.reducing import reduce_source

        with ExitStack() as opened:
            out = None if self.manifest is None else opened.enter_context(opened_file(self.manifest))
            progress = opened.enter_context(progress_bar(f"reading {Path(path).name or path}"))
            return reduce_source(
                path,
                segments=self.segments,
                out=out,
                ignores=self.ignores,
                engine=self.engine,
                ray_address=self.ray_address,
                jobs=self.jobs,
                journal=self.journal,
                computed=self.computed,
                offline=current_session().offline,
                progress=progress,
            )

    def demand_fitting(self, paths: Sequence[str], others: Mapping[str, object]) -> None:
        """Raise `UsageError` for several trees, for flags that need all files in one place, and for segments in it."""
        if len(paths) > 1:
            raise UsageError(USAGE, "--segments takes one PATH", got=f"{len(paths)} paths")
        for flag, given in others.items():
            if given:
                raise UsageError(USAGE, f"{flag} needs all files in one place, and --segments keeps them apart")
        if not is_url(self.segments):
            demand_outside(Path(self.segments), paths)
        elif f"{self.segments.rstrip('/')}/".startswith(f"{paths[0].rstrip('/')}/"):
            raise UsageError(
                WRITES_INTO_ARTIFACT, "lies inside the tree and would change it", where=printable(self.segments)
            )


def write_reduced(path: str, found: ReducedSource, output: Path | None, *, json: bool) -> None:
    """Write the digest of a tree that was reduced, with its counts in JSON, as `dbom fingerprint` writes others."""
    tree = found.tree
    say(f"{printable(path)}: {tree.files} files, {tree.size} bytes, {tree.known}", verbose=True)
    if not json:
        write_result(f"{tree.digest}  {printable(path)}", output)
        return
    result: JsonObject = {
        "path": path.encode(errors="surrogateescape").decode(errors="backslashreplace"),
        "name": printable(found.name),
        "kind": str(tree.digest.kind),
        "digest": str(tree.digest),
        "fileCount": tree.files,
        "bytes": tree.size,
        "known": str(tree.known),
        "ignores": list(found.ignores),
        "segments": [segment.name for segment in tree.segments],
    }
    json_result("fingerprint", {"results": [result], "summary": {"fingerprinted": 1, "failed": 0}}, output)
