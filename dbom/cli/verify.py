"""`dbom verify`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dbom.cli.artifacts import artifact_paths, stated_digest
from dbom.cli.caching import TrustCacheOption, opened_cache
from dbom.cli.expected import Expected, with_expected_flags
from dbom.cli.failure import is_result, worst_code
from dbom.cli.options import FormatOption, JobsOption, OutputOption, StoreOption, TextOrJson
from dbom.cli.output import json_result, say, write_result
from dbom.cli.pod_bytes import CopyFromOption, ForPodOption, demand_alone, verify_for_pod
from dbom.cli.progress import progress_bar
from dbom.cli.revokers import Revoking, with_revoker_flags
from dbom.cli.session import current_session, current_settings
from dbom.cli.summaries import ResourceUriOption, SignVsaOption, Summary, VsaOption, VsaSigningKeyOption
from dbom.cli.verdicts import hint_lines, summary_line, verification_document, verification_text
from dbom.errors import DbomError, UsageError
from dbom.printable import printable
from dbom.rules.attestations import NOBODY_EXPECTED
from dbom.rules.everyday import USAGE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from attest.authority import Authority
    from attest.judging import Requirement
    from attest.revocation.verdict import RevocationCheck
    from attest.stores.store import Store, StoredBundle
    from attest.verification import Verification
    from attest.vsa import Asking
    from dbom.model import Digest

__all__ = ["verify"]

# Over several results a no outweighs an unusable input, and that a "can't tell" (DESIGN, command line).

_MAX_POLICY_BYTES = 4 * 1024 * 1024


@with_revoker_flags
@with_expected_flags
def verify(
    artifacts: Annotated[
        list[str] | None, typer.Argument(metavar="ARTIFACT...", help="Files or folders to check.", show_default=False)
    ] = None,
    *,
    digest: Annotated[
        list[str] | None,
        typer.Option("--digest", metavar="DIGEST", help="Check evidence about this digest, without the bytes."),
    ] = None,
    policy: Annotated[
        Path | None, typer.Option("--policy", metavar="FILE", help="Expect what this ProvenancePolicy says of content.")
    ] = None,
    bundle: Annotated[
        list[Path] | None, typer.Option("--bundle", metavar="FILE", help="A bundle to use beside the sidecar's.")
    ] = None,
    store: StoreOption = None,
    follow_links: Annotated[
        bool, typer.Option("--follow-links", help="Read links that lead out of a tree, and say so.")
    ] = False,
    trust_cache: TrustCacheOption = False,
    vsa: VsaOption = None,
    sign_vsa: SignVsaOption = False,
    vsa_signing_key: VsaSigningKeyOption = None,
    resource_uri: ResourceUriOption = None,
    for_pod: ForPodOption = None,
    copy_from: CopyFromOption = None,
    jobs: JobsOption = 0,
    format_: FormatOption = TextOrJson.TEXT,
    output: OutputOption = None,
    expected: Expected,
    revoking: Revoking,
) -> None:
    """Check an artifact's bytes against signed evidence.

    The bytes are read again, the evidence comes from the sidecar (ARTIFACT.dbom/), --bundle and --store. Say whom to
    expect: --identity with --issuer, --key, or --policy. Without any it is this machine's own local identity.
    A trust root beside a --key demands that its log or its time stamper vouches for the signature too.

    Example: dbom verify model/ --identity ci@example.org --issuer https://accounts.example.org --trusted-root root.json
    """
    if for_pod is not None:
        others = {
            "--digest": digest,
            "--policy": policy,
            "--bundle": bundle,
            "--store": store,
            "--follow-links": follow_links,
            "--trust-cache": trust_cache,
            "--vsa": vsa,
            "--sign-vsa": sign_vsa,
            "a signer": expected.names_somebody or expected.local or expected.names_root,
        }
        path = demand_alone(artifacts or (), others)
        verify_for_pod(path, stated_digest(for_pod), copy_from, jobs=jobs, format_=format_, output=output)
        return
    if copy_from is not None:
        raise UsageError(USAGE, "--copy-from says what --for-pod checks", expected="both of them")
    if not artifacts and not digest:
        raise UsageError(USAGE, "nothing to verify", expected="ARTIFACT... or --digest")
    paths, digests = artifact_paths(artifacts or ()), [stated_digest(text) for text in digest or []]
    conditions, now = _conditions(expected, policy), datetime.now(UTC)
    settings = current_settings(store=tuple(store or ()), jobs=jobs or None)
    summary = Summary(vsa, sign_vsa, vsa_signing_key, resource_uri)
    summary.demand_one((len(paths) + len(digests)) * len(conditions), paths)
    revocations = revoking.check(settings.store, now=now)
    results = _results(
        paths,
        digests,
        conditions,
        bundles=bundle or [],
        stores=settings.store,
        follow_links=follow_links,
        trust_cache=trust_cache,
        jobs=settings.jobs,
        revocations=revocations,
        now=now,
    )
    if summary.is_wanted:
        asking = _asking(conditions[0], revocations)
        summary.write(results[0], asking, path=next(iter(paths), None), stores=_opened(settings.store), now=now)
    if summary.takes_stdout and output is None:
        say(verification_text(results[0]))
    elif format_ is TextOrJson.JSON:
        json_result("verify", verification_document(results), output)
    else:
        lines = [verification_text(result) for result in results]
        lines += hint_lines(results)
        write_result("\n".join([*lines, *([summary_line(results)] if len(results) > 1 else [])]), output)
    code = worst_code(result.exit_code for result in results)
    if code:
        raise typer.Exit(code)


@dataclass(frozen=True, slots=True)
class _Condition:
    """Whom to expect, and what they must have said (nothing in particular, unless a policy says so)."""

    authorities: tuple[Authority, ...]
    requirements: tuple[Requirement, ...] = ()
    policy: str = ""


def _conditions(expected: Expected, policy: Path | None) -> list[_Condition]:
    """Return what must hold, all of it. A policy of the settings gives way to any flag that names a signer."""
    if policy is not None and (expected.names_somebody or expected.local):
        raise UsageError(USAGE, "--policy says whom to expect, and so do --identity, --issuer, --key and --local")
    if expected.names_somebody or expected.local:
        return [_Condition(expected.demanded())]
    chosen = current_settings(policy=None if policy is None else str(policy)).policy
    if not chosen:
        return [_Condition(expected.demanded())]
    if expected.names_root:
        raise UsageError(
            USAGE, "a policy names its own trust roots: --trusted-root, --trust-config and chains say nothing to it"
        )
    return _of_policy(Path(chosen))


def _of_policy(path: Path) -> list[_Condition]:
    """Return what each policy of a file says of content; each must be met, with its own authorities alone."""
    from admission.policy import Policy
    from attest.files import read_file
    from attest.judging import Requirement

    data = read_file(path, limit=_MAX_POLICY_BYTES, what="policy")
    policies = Policy.parse(data, where=printable(str(path)), base=path.parent)
    found = []
    for policy in policies:
        if not policy.attestations:
            raise UsageError(NOBODY_EXPECTED, "the policy requires no attestation", where=printable(policy.name))
        requirements = tuple(Requirement(item.predicate_type, item.authorities) for item in policy.attestations)
        named = {name for requirement in requirements for name in requirement.authorities}
        authorities = tuple(authority for authority in policy.authorities if authority.name in named)
        found.append(_Condition(authorities, requirements, hashlib.sha256(data).hexdigest()))
        say(f"policy {printable(policy.name)}: who attests content is checked; places, licences and ancestors are not")
    if not found:
        raise UsageError(NOBODY_EXPECTED, "the file holds no policy", where=printable(str(path)))
    return found


def _results(
    paths: Sequence[Path],
    digests: Sequence[Digest],
    expected: Sequence[_Condition],
    *,
    bundles: Sequence[Path],
    stores: Sequence[str],
    follow_links: bool,
    trust_cache: bool,
    jobs: int,
    revocations: RevocationCheck,
    now: datetime,
) -> list[Verification]:
    from attest.checking import verify_artifact, verify_digest

    given = [_bundle(path) for path in bundles]
    opened = _opened(stores)

    def artifact(path: Path, item: _Condition) -> Verification:
        with opened_cache(wanted=trust_cache) as cache, progress_bar(f"reading {printable(str(path))}") as progress:
            return verify_artifact(
                path,
                item.authorities,
                now=now,
                bundles=given,
                stores=opened,
                requirements=item.requirements,
                revocations=revocations,
                follow_links=follow_links,
                jobs=jobs,
                progress=progress,
                cache=cache,
                forked=True,
            )

    several = (len(paths) + len(digests)) * len(expected) > 1
    return [
        *(_one(str(path), partial(artifact, path, item), several=several) for path, item in product(paths, expected)),
        *(
            verify_digest(
                digest,
                item.authorities,
                now=now,
                bundles=given,
                stores=opened,
                requirements=item.requirements,
                revocations=revocations,
            )
            for digest, item in product(digests, expected)
        ),
    ]


def _opened(urls: Sequence[str]) -> list[Store]:
    from attest.stores.store import open_store

    return [open_store(url, offline=current_session().offline, at_once=False) for url in urls]


def _asking(condition: _Condition, revocations: RevocationCheck) -> Asking:
    from attest.vsa import Asking

    return Asking(condition.authorities, condition.requirements, revocations, condition.policy)


def _one(where: str, verified: Callable[[], Verification], *, several: bool) -> Verification:
    """Return one result; among several, an artifact that can't be checked is a result too."""
    from attest.verification import Verification

    try:
        return verified()
    except DbomError as error:
        if not several or not is_result(error):
            raise
        return Verification.failed(printable(where), error)


def _bundle(path: Path) -> StoredBundle:
    from attest.files import read_file
    from attest.stores.store import MAX_BUNDLE_BYTES, StoredBundle

    return StoredBundle.of(read_file(path, limit=MAX_BUNDLE_BYTES, what="bundle"), where=str(path))
