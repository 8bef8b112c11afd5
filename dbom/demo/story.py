"""The demo: one chain from bytes to a pod, on real data, with every outcome checked as it is told."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from contextlib import chdir
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from attest.checking import verify_artifact
from attest.expecting import local_authority
from attest.local import open_local
from attest.location import Location
from attest.publishing import GivenBom, sign_artifact
from attest.stores.store import open_store
from attest.verification import Verdict
from dbom import __version__
from dbom.audit.page import page_of
from dbom.audit.report import Result, make_report
from dbom.bom.facts import ArtifactType
from dbom.bom.generating import Options, generate_bom
from dbom.bom.parents import read_parent
from dbom.capture.recording import InputPath, Recorded, prepare, record_command
from dbom.demo.files import PLACE, flip_one_label, pod_of, policy_text, write_dataset, write_trainer
from dbom.demo.gate import open_gate, review_of
from dbom.demo.image import write_image
from dbom.errors import MismatchError
from dbom.model import Relation
from dbom.printable import printable
from dbom.recipe import shell_line
from dbom.rules.everyday import DEMO_BROKEN
from dbom.tree import fingerprint_path
from lineage.build import build_graph
from lineage.outline import outline_of_answer
from lineage.query import ancestors
from lineage.reading import read_stores
from lineage.svg import picture_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from attest.authority import Authority
    from attest.local import LocalSigstore
    from dbom.demo.gate import Gate
    from dbom.model import Fingerprint

__all__ = ["Told", "tell"]

_DATA, _MODEL, _STORE = Path("penguins"), Path("model"), "."


@dataclass(frozen=True, slots=True)
class Told:
    """What the demo leaves: its folder, the report, the picture of the lineage, and the steps as commands."""

    folder: Path
    report: Path
    picture: Path
    commands: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Stage:
    """What every step needs: how to say something, who signs, whom to expect, and the time."""

    say: Callable[[str], None]
    local: LocalSigstore
    authorities: tuple[Authority, ...]
    clock: Callable[[], datetime]


def tell(folder: Path, *, say: Callable[[str], None], clock: Callable[[], datetime]) -> Told:
    """Play the whole chain in `folder`, telling each step by `say`.

    The folder must be empty; keys, certificates and all evidence stay inside it, and no network is used but the
    loopback. Raises `MismatchError` where a step ends otherwise than it has to.
    """
    with chdir(folder):
        local = open_local(Path("home").absolute(), now=clock)
        Path("trusted_root.json").write_bytes(local.trusted_root())
        stage = _Stage(say, local, (local_authority(Path("home").absolute()),), clock)
        data = _the_data(stage)
        _the_training(stage)
        digest = _the_model(stage)
        _the_verdict(stage)
        _the_lineage(stage, data)
        _the_gate(stage, digest)
        _the_report(stage)
    report, picture = folder / "report.html", folder / "lineage.svg"
    return Told(folder, report, picture, _commands(folder, local, digest))


def _the_data(stage: _Stage) -> Fingerprint:
    write_dataset(_DATA)
    found = fingerprint_path(_DATA)
    stage.say("1. A dataset: 344 penguins, measured in Antarctica (CC0).")
    stage.say(f"   It is   {found.digest}")
    stage.say(f"   Anybody can reproduce that:  {shell_line(str(_DATA), found)}")
    options = Options(
        type=ArtifactType.DATASET,
        name="palmer-penguins",
        licenses=("CC0-1.0",),
        supplier="Palmer Station LTER",
    )
    bom = generate_bom(_DATA, found, options)
    signed = sign_artifact(_DATA, stage.local.signer(now=stage.clock), bom=GivenBom(bom.to_json(), "the generated BOM"))
    stage.say(f"   Described in {signed.sidecar}/bom.cdx.json (CycloneDX), signed by")
    stage.say(f"   {stage.local.identity}, an identity that is only as good as this machine.\n")
    return found


def _the_training(stage: _Stage) -> None:
    stage.say("2. A model, trained on it just now, and the training recorded as signed provenance.")
    write_trainer(Path("train.py"))
    recorded = _train(stage, _MODEL)
    stage.say(f"   It is   {recorded.run.outputs[0].digest}\n")


def _train(stage: _Stage, model: Path) -> Recorded:
    prepared = prepare(
        inputs=[InputPath(_DATA, Relation.TRAINED_ON)],
        outputs=[model],
        signer=stage.local.signer(now=stage.clock),
    )
    status, recorded = record_command(
        prepared, [sys.executable, "-P", "train.py", str(_DATA), str(model)], clock=stage.clock
    )
    if not isinstance(recorded, Recorded):
        raise _broken("the training wasn't recorded", f"exit status {status}: {recorded}")
    return recorded


def _the_model(stage: _Stage) -> str:
    digest = write_image(_MODEL, Path("image"))
    parents = (read_parent(str(_DATA), Relation.TRAINED_ON),)
    bom = generate_bom(_MODEL, fingerprint_path(_MODEL), Options(name="penguin-species", parents=parents))
    place = Location.parse(f"oci://{PLACE}@{digest}")
    sign_artifact(
        _MODEL,
        stage.local.signer(now=stage.clock),
        bom=GivenBom(bom.to_json(), "the generated BOM"),
        locations=[place],
    )
    stage.say("3. The model as an OCI image, and a signed statement of which image holds it.")
    stage.say(f"   image   {PLACE}@{digest}\n")
    return digest


def _the_verdict(stage: _Stage) -> None:
    for path in (_DATA, _MODEL):
        verdict = verify_artifact(path, stage.authorities, now=stage.clock()).verdict
        if verdict is not Verdict.VERIFIED:
            raise _broken(f"{path} isn't verified", str(verdict))
    stage.say("4. Both are read again and checked against what was signed:  verified.\n")


def _the_lineage(stage: _Stage, data: Fingerprint) -> None:
    read = read_stores([open_store(_STORE)], stage.authorities, now=stage.clock())
    graph = build_graph(item.result for item in read)
    model = fingerprint_path(_MODEL).digest
    answer = ancestors(graph, model)
    picture = picture_of(answer.graph, title="Ancestors of the model", subtitle=str(model), focus=model)
    Path("lineage.svg").write_text(picture.svg, encoding="utf-8")
    if answer.graph.node(data.digest) is None:
        raise _broken("the dataset isn't an ancestor of the model", str(data.digest))
    stage.say("5. Where the model comes from, each edge with the way it is known (drawn in lineage.svg):")
    stage.say("\n".join(f"   {line}".rstrip() for line in outline_of_answer(answer).splitlines()) + "\n")


def _the_gate(stage: _Stage, digest: str) -> None:
    Path("policy.yaml").write_text(policy_text(stage.local.identity, "trusted_root.json"), encoding="utf-8")
    Path("pod.json").write_text(json.dumps(pod_of("penguins", digest), indent=2), encoding="utf-8")
    with open_gate(Path("tls"), [Path("policy.yaml")], [open_store(_STORE)], clock=stage.clock) as gate:
        stage.say(f"6. The admission webhook, serving policy.yaml at {gate.url}.")
        _expect(stage, gate, "A pod with this model", "penguins", digest, is_let_in=True)
        stage.say("\n7. Somebody flips one label and trains again, quietly.")
        line, old, new = flip_one_label(_DATA / "penguins.csv")
        stage.say(f"   {_DATA}/penguins.csv, line {line}: {old} becomes {new}.")
        _see_through(stage)
        poisoned = _poisoned(stage)
        Path("poisoned-pod.json").write_text(json.dumps(pod_of("poisoned", poisoned), indent=2), encoding="utf-8")
        _expect(stage, gate, "A pod with the poisoned model", "poisoned", poisoned, is_let_in=False)
    flip_one_label(_DATA / "penguins.csv", back_to=old)
    stage.say("   The label is put back, so that everything here can be done again by hand.\n")


def _expect(stage: _Stage, gate: Gate, what: str, name: str, digest: str, *, is_let_in: bool) -> None:
    allowed, message = gate.ask(review_of(pod_of(name, digest)))
    if allowed is not is_let_in:
        raise _broken(
            f"the gate {'lets in' if allowed else 'refuses'} a pod that it has to {'refuse' if allowed else 'let in'}",
            message,
        )
    stage.say(f"   {what}:  {'let in' if allowed else 'REFUSED'}.")
    for line in printable(message, limit=2000).splitlines():
        stage.say(f"     {line}")


def _see_through(stage: _Stage) -> None:
    verification = verify_artifact(_DATA, stage.authorities, now=stage.clock())
    difference = verification.difference
    if verification.verdict is not Verdict.REFUSED or difference is None or difference.changed != ("penguins.csv",):
        raise _broken("a flipped label isn't seen", str(verification.verdict))
    stage.say(f"   Verifying the dataset:  {verification.verdict.upper()}.")
    for line in difference.lines():
        stage.say(f"     {line}")


def _poisoned(stage: _Stage) -> str:
    """Train on the changed data with nothing signed, and return the digest of the image that somebody would push."""
    model = Path("poisoned", "model")
    subprocess.run(  # noqa: S603  our own script, with our own Python
        [sys.executable, "-P", "train.py", str(_DATA), str(model)], check=True, stdout=subprocess.DEVNULL
    )
    stage.say(f"   The model trained on that:  {fingerprint_path(model).digest}")
    return write_image(model, Path("poisoned", "image"))


def _the_report(stage: _Stage) -> None:
    store = open_store(_STORE)
    read = read_stores([store], stage.authorities, now=stage.clock())
    report = make_report(read, stores=[store.url], authorities=stage.authorities, at=stage.clock(), version=__version__)
    if report.count(Result.VERIFIED) != len(read) or not read:
        raise _broken("not every bundle of the demo is verified", f"{report.count(Result.VERIFIED)} of {len(read)}")
    Path("report.html").write_text(page_of(report), encoding="utf-8")
    stage.say(
        f"8. A report for people who don't have to trust us: {len(read)} signed statements, each with its signer.\n"
    )


def _broken(what: str, got: str) -> MismatchError:
    return MismatchError(DEMO_BROKEN, what, got=printable(got, limit=1000))


def _commands(folder: Path, local: LocalSigstore, digest: str) -> tuple[str, ...]:
    """Return each step as the commands that do it by hand; only the paths and the digest are this demo's own."""
    subject, issuer = shlex.quote(local.identity.subject), shlex.quote(local.identity.issuer)
    return (
        f"cd {shlex.quote(str(folder))}",
        'export DBOM_HOME="$PWD/home"',
        "dbom fingerprint penguins --how",
        "dbom generate penguins --as dataset --name palmer-penguins --license CC0-1.0 -o penguins.cdx.json",
        "dbom sign penguins --bom penguins.cdx.json --local",
        "dbom run --local --in trained-on=penguins --out model -- python3 train.py penguins model",
        "dbom generate model --name penguin-species --trained-on penguins -o model.cdx.json",
        f"dbom sign model --bom model.cdx.json --local --location oci://{PLACE}@{digest}",
        f"dbom verify model --identity {subject} --issuer {issuer} --trusted-root trusted_root.json",
        "dbom lineage ancestors model --store . -f svg -o lineage.svg",
        "dbom policy check policy.yaml",
        "dbom admission review pod.json --policy policy.yaml --store .",
        "dbom audit report --store . -o report.html",
    )
