"""A policy to start from: commented YAML with everything in it that it needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from dbom.names import API_VERSION, POLICY_KIND, PREDICATE_BOM

if TYPE_CHECKING:
    from attest.identity import Identity
    from attest.trust import TrustRoot

__all__ = ["Expected", "render_policy"]


@dataclass(frozen=True, slots=True)
class Expected:
    """Whose statements the policy is to accept: an identity with its trust root, a public key in PEM, or nobody's."""

    identity: Identity | None = None
    root: TrustRoot | None = None
    key_pem: bytes | None = None


def render_policy(expected: Expected, *, name: str, mode: str, location: str) -> str:
    """Return a policy file that accepts what `expected` signs, for models that lie in places like `location`.

    Where that is nobody, the policy vouches for nothing and only watches, whatever the `mode`.
    """
    if expected == Expected():
        return _WATCHING.format(api=API_VERSION, kind=POLICY_KIND, name=json.dumps(name), location=json.dumps(location))
    root = expected.root
    trust = "" if root is None else _TRUST.format(data=_indented(root.raw.decode(), 8))
    if expected.identity is not None:
        authority = _KEYLESS.format(
            issuer=json.dumps(expected.identity.issuer), subject=json.dumps(expected.identity.subject)
        )
    else:
        authority = _KEY.format(pem=_indented((expected.key_pem or b"").decode(), 10))
    note = _LOCAL_NOTE if root is not None and root.is_local else ""
    return _POLICY.format(
        api=API_VERSION,
        kind=POLICY_KIND,
        name=json.dumps(name),
        mode=mode,
        note=note,
        trust=trust,
        authority=authority,
        bom=PREDICATE_BOM,
        location=json.dumps(location),
    )


def _indented(text: str, width: int) -> str:
    return "\n".join(" " * width + line for line in text.strip().splitlines())


_LOCAL_NOTE: Final = """\
# The identity below is this machine's own. It is only as good as this machine: enough to try things out, and no more.
"""

_TRUST: Final = """
  # The trust root that vouches for the identities below. Roots are never merged: an authority has just its own.
  trustRoots:
    - name: root
      data: |
{data}
"""

_KEYLESS: Final = """\
    - name: signer
      keyless:
        trustRootRef: root
        identities:
          # issuerRegExp and subjectRegExp take RE2 expressions, which must match as a whole.
          - issuer: {issuer}
            subject: {subject}"""

_KEY: Final = """\
    - name: signer
      # A bare key: no log and no time stand behind its signatures.
      key:
        data: |
{pem}"""

_POLICY: Final = """\
# A provenance policy: what a model must show before a pod that loads it may start.
# All keys are described in docs/formats/policy.md; `dbom policy check FILE` reports every fault of this file.
{note}apiVersion: {api}
kind: {kind}
metadata:
  name: {name}
spec:
  # enforce: a no denies. warn: it is allowed, and the user is warned. audit: it is allowed, and recorded.
  mode: {mode}

  # Which references this policy judges. Left out: in all namespaces, whatever lies where `locations` speaks of.
  # match:
  #   namespaces: ["prod-*"]                 # by their immutable names, * for any part
  #   models: ["oci://**", "hf://**"]        # places; what matches here and not in locations is refused
  #   roles: [model, draft model, adapter]   # and tokenizer, processor, dataset, image volume, ...
{trust}
  # Whose statements count, each under a name of your choice.
  authorities:
{authority}

  # Who may say what lies in which places, and whether a pin that nobody enforces (a hub commit) is enough there.
  # * is anything but a slash, ** anything.
  locations:
    - pattern: {location}
      authorities: [signer]
      # pinning: claimed

  # What must be signed about the model itself: each of these, by one of the authorities named.
  attestations:
    - predicateType: {bom}
      authorities: [signer]
    # - predicateType: https://slsa.dev/provenance/v1
    #   authorities: [signer]

  # Everything that the model came from must be signed too.
  # ancestors:
  #   signed: true
  #   noInputs: deny

  # Licences of the model and of everything it came from; what isn't known is denied.
  # licenses:
  #   allow: [Apache-2.0, MIT, CC-BY-4.0, CC0-1.0]
"""

_WATCHING: Final = """\
# A provenance policy that only watches: it names nobody whose statements count, so nothing is verified and nothing is
# denied: what pods load is recorded, with what speaks against it. To let signed models through, name a signer:
#   dbom policy init --identity ID --issuer URL --trusted-root FILE     or     dbom policy init --from-bundle FILE
# All keys are described in docs/formats/policy.md; `dbom policy explain FILE` says what this file means.
apiVersion: {api}
kind: {kind}
metadata:
  name: {name}
spec:
  # enforce: a no denies. warn: it is allowed, and the user is warned. audit: it is allowed, and recorded.
  # Without an authority only warn and audit can be.
  mode: audit

  # Which references this policy judges. Left out: all of them, in all namespaces.
  # match:
  #   namespaces: ["prod-*"]

  # Whose statements count: nobody's yet.
  authorities: []
    # - name: signer
    #   keyless:
    #     trustRootRef: root
    #     identities:
    #       - issuer: https://token.actions.githubusercontent.com
    #         subject: https://github.com/ORG/REPO/.github/workflows/release.yaml@refs/heads/main
  # trustRoots:
  #   - name: root
  #     path: trusted_root.json

  # With an authority: who may say what lies in which places, and what must be signed about the model itself.
  # locations:
  #   - pattern: {location}
  #     authorities: [signer]
  # attestations:
  #   - predicateType: https://cyclonedx.org/bom
  #     authorities: [signer]
"""
