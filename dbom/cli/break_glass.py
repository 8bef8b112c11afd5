"""`dbom admission break-glass`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.options import FormatOption, OutputOption, StoreOption, TextOrJson
from dbom.cli.output import json_result, say, write_result
from dbom.cli.ready import PolicyOption, ready
from dbom.cli.session import current_session, current_settings
from dbom.cli.signers import SignerFlags, with_signer_flags
from dbom.errors import DocumentError, UsageError
from dbom.model import Unknown
from dbom.names import PREDICATE_BREAK_GLASS
from dbom.printable import printable
from dbom.rules.admission import BREAK_GLASS_IMPOSSIBLE
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from admission.break_glass import Projection
    from admission.decision import Decision
    from admission.review import Review
    from attest.creating import Created, GivenPredicate
    from attest.stores.store import Store
    from dbom.canonical import Json

__all__ = ["break_glass"]

_DURATION = re.compile(r"([1-9][0-9]{0,3})([hm])")


@with_signer_flags
def break_glass(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="YAML or JSON: the objects to let in.")],
    *,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is recorded with each decision.")],
    lasting: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="How long, in hours or minutes: 4h, 30m.")
    ] = "4h",
    policy: PolicyOption = None,
    store: StoreOption = None,
    namespace: Annotated[
        str | None, typer.Option("--namespace", metavar="NS", help="For objects that name none; otherwise default.")
    ] = None,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    signer_flags: SignerFlags,
) -> None:
    """Sign that what the gate refuses may start, for a time.

    The statement is about the namespace, the service account, the models and the container images (by digest) of each
    object that is refused now, and waives just the findings of now. It goes into --store, where the gate finds it.
    A policy takes it only where its breakGlass names you. Nothing becomes verified by it: the decision says refused,
    allowed by break-glass, and by whom. Revoke it with `dbom attest revoke`.

    Example: dbom admission break-glass pod.yaml --for 2h --reason INC-1234 --policy policy.yaml --store evidence/
    """
    from admission.break_glass import SUBJECT_NAME
    from admission.files import read_reviews
    from admission.gate import decide
    from attest.creating import attest_digest

    now = datetime.now(UTC).replace(microsecond=0)
    end = now + _duration(lasting)
    if not reason.strip():
        raise UsageError(USAGE, "break-glass without a reason", hint="say why with --reason")
    stores = _stores(store)
    reviews = [found for path in files for found in read_reviews(path, namespace=namespace)]
    policies, evidence = ready(policy, store, now)
    waived: dict[Projection, frozenset[str]] = {}
    for found in reviews:
        projection, rules = _waived(found, decide(found, policies, evidence, now=now))
        waived[projection] = waived.get(projection, frozenset()) | rules
    signer = signer_flags.signer()
    made = [
        attest_digest(item.digest, SUBJECT_NAME, _given(item, rules, reason, now, end), signer, stores=stores)
        for item, rules in waived.items()
    ]
    say(f"in force until {end.isoformat()}, or until it is revoked")
    if format_ is TextOrJson.JSON:
        json_result("admission-break-glass", {"statements": _documents(made)}, output)
    else:
        lines = [_text(item, projection, rules) for item, (projection, rules) in zip(made, waived.items(), strict=True)]
        write_result("\n".join([*lines, f"signed by {signer.describe()}"]), output)


def _duration(text: str) -> timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise UsageError(USAGE, "no duration", got=printable(f"--for {text}"), expected="hours or minutes: 4h, 30m")
    return timedelta(hours=int(match[1])) if match[2] == "h" else timedelta(minutes=int(match[1]))


def _stores(urls: Sequence[str] | None) -> list[Store]:
    from attest.stores.store import open_store

    named = current_settings(store=tuple(urls or ())).store
    if not named:
        raise UsageError(USAGE, "nowhere to put the statement", hint="name the gate's store with --store")
    return [open_store(url, offline=current_session().offline) for url in named]


def _waived(review: Review, decision: Decision) -> tuple[Projection, frozenset[str]]:
    """Return what is let in, and the findings to waive. Raises `DocumentError` for what can't be let in so."""
    from admission.break_glass import projection_of, waivable
    from admission.documents import Node
    from admission.references.finding import pod_parts
    from admission.references.relevance import RelevantPart

    where = printable(review.where) or review.described
    rules = waivable(decision)
    if isinstance(rules, Unknown):
        raise DocumentError(BREAK_GLASS_IMPOSSIBLE, f"nothing is waived: {rules.reason}", where=where)
    part = RelevantPart(review.part or b"null").document(where=where)
    parts = pod_parts(Node(part), review.group, review.kind)
    projection = projection_of(parts, [item.reference for item in decision.judgements], namespace=review.namespace)
    if isinstance(projection, Unknown):
        raise DocumentError(BREAK_GLASS_IMPOSSIBLE, projection.reason, where=where)
    return projection, rules


def _given(
    projection: Projection, rules: frozenset[str], reason: str, start: datetime, end: datetime
) -> GivenPredicate:
    from admission.break_glass import break_glass_predicate
    from attest.creating import GivenPredicate

    predicate = break_glass_predicate(projection, rules, reason=reason, start=start, end=end)
    return GivenPredicate(PREDICATE_BREAK_GLASS, predicate, "break-glass")


def _text(made: Created, projection: Projection, rules: frozenset[str]) -> str:
    lines = [
        f"{printable(projection.namespace)}, service account {printable(projection.service_account)}: waives "
        + ", ".join(sorted(rules))
    ]
    lines += [f"  loads {printable(text)}" for text in projection.references]
    lines += [f"  runs {printable(text)}" for text in projection.images]
    lines += [f"  break-glass -> {printable(url)}: {printable(name)}" for url, name in made.places]
    return "\n".join(lines)


def _documents(made: Sequence[Created]) -> list[Json]:
    return [
        {
            "digest": str(item.subject.digest),
            "sha256": item.signed.sha256,
            "predicate": item.signed.statement.predicate,
            "stored": [{"store": printable(url), "name": printable(name)} for url, name in item.places],
        }
        for item in made
    ]
