"""What an installation can't see, said before it is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from admission.manifests.heads import HeadsSigner
from admission.manifests.installation import Certificates

if TYPE_CHECKING:
    from admission.manifests.heads import Heads
    from admission.manifests.installation import Installation

__all__ = ["gaps_of"]


def gaps_of(installation: Installation) -> list[str]:
    """Return one line for each thing that an installation can't see, or holds only in part."""
    excluded = " and in ".join(installation.excluded_namespaces)
    acts = "refuses" if installation.enforces else "warns of"
    guarded = f"There the API server itself {acts} accelerators, claimed devices and image volumes, and nothing else"
    found = [
        "static pods, and pods that were there before this webhook",
        f"everything in {excluded}: excluded by name, so that the cluster can start. {guarded}",
        "kubectl exec, and whatever a container fetches without its object saying so",
        "a webhook configuration that somebody changes or deletes: watch it with the API server's audit log",
        "kinds that aren't in the webhook's rules, until they make pods; the pods are judged",
    ]
    if not installation.enforces:
        where = f" outside {', '.join(installation.enforced)}" if installation.enforced else ""
        found.append(
            f"everything{where} while the webhook doesn't answer: failurePolicy is Ignore, since audit never blocks"
        )
    found += _certificates(installation)
    if not installation.api_servers:
        found.append(
            "who calls the webhook's port: any pod may. --api-server NETWORK lets only the API server's network"
        )
    found += [*_journal(installation), *_heads(installation.heads)]
    if not installation.has_controller:
        found.append("what changes: without the controller, policies and evidence are read when the webhook starts")
        found.append("ProvenancePolicy objects of the cluster: only the files of the ConfigMap dbom-policies count")
    elif not installation.stores:
        found.append("all evidence: no store is named. --store URL names one for the controller")
    if installation.accelerator_accounts:
        found.append(
            f"what pods of these load, though they are excluded: {', '.join(installation.accelerator_accounts)}"
        )
    return found


def _certificates(installation: Installation) -> list[str]:
    if installation.certificates is Certificates.OWN:
        return ["everything until the controller has put the webhook's CA into its configuration (caBundle)"]
    if installation.certificates is Certificates.CERT_MANAGER:
        until = "everything until cert-manager, which must be there, has issued the webhook's certificate"
        waits = "whether cert-manager starts: its pods wait for this webhook, which waits for its certificate"
        return [until, f"{waits}. --exclude its namespace"]
    if installation.ca_bundle is None:
        return ["everything until caBundle is set: --ca-bundle FILE names the CA of the certificate in dbom-tls"]
    return []


def _journal(installation: Installation) -> list[str]:
    found: list[str] = []
    if not installation.journal_claim:
        found.append("decisions of a replica that is gone: its journal goes with it. --journal-claim keeps them")
    if installation.journal_bound:
        found.append(f"a replica's oldest decisions: of more than {installation.journal_bound} the oldest are deleted")
        return found
    full = "how soon the journals' claim is full, when what is enforced is refused: who may make pods can fill it"
    return [*found, f"{full}. --journal-most has the oldest deleted instead"]


def _heads(heads: Heads) -> list[str]:
    if heads.signer is HeadsSigner.NONE:
        nobody = "where a journal ended: nobody signs its heads, so who can write to it can cut its end off unseen"
        return [f"{nobody}. --trust-config FILE has the webhook's service account sign them at a Sigstore"]
    if heads.signer is HeadsSigner.KEY:
        return ["when a journal's heads were signed, and that its key's holder made no others: a key dates nothing"]
    if heads.networks:
        return []
    return ["where the webhook's pods go: to have heads signed they may reach any address. --heads-network limits it"]
