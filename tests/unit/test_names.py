"""Wire names: what others chose is spelt as they spell it, and ours stay as they are for good."""

from __future__ import annotations

from dbom import names


def test_our_own_names_never_change() -> None:
    """Signed statements carry them: another spelling would orphan everything that was ever signed."""
    assert {
        "location": names.PREDICATE_LOCATION,
        "revocation": names.PREDICATE_REVOCATION,
        "revocation-head": names.PREDICATE_REVOCATION_HEAD,
        "selector": names.REVOCATION_SELECTOR_MEDIA_TYPE,
        "revocation-list": names.REVOCATION_LIST_MEDIA_TYPE,
        "verifier": names.VERIFIER_ID,
        "break-glass": names.PREDICATE_BREAK_GLASS,
        "tree": names.TREE_MEDIA_TYPE,
        "group": names.CRD_GROUP,
        "version": names.API_VERSION,
        "kind": names.POLICY_KIND,
        "annotation": names.POD_ANNOTATION_PREFIX,
    } == {
        "location": "https://dbom.dev/location/v1",
        "revocation": "https://dbom.dev/revocation/v1",
        "revocation-head": "https://dbom.dev/revocation-head/v1",
        "selector": "application/vnd.dbom.revocation-selector.v1+json",
        "revocation-list": "application/vnd.dbom.revocation-list.v1+json",
        "verifier": "https://dbom.dev/verify/v1",
        "break-glass": "https://dbom.dev/break-glass/v1",
        "tree": "application/vnd.dbom.tree.v1",
        "group": "dbom.dev",
        "version": "dbom.dev/v1alpha1",
        "kind": "ProvenancePolicy",
        "annotation": "dbom.dev/",
    }


def test_every_name_offered_is_there() -> None:
    assert [name for name in names.__all__ if not hasattr(names, name)] == []


def test_a_predicates_short_name_is_known_or_other() -> None:
    assert names.short_predicate(names.PREDICATE_PROVENANCE) == "provenance"
    assert names.short_predicate("https://example.com/mine/v1") == "other"


def test_schema_names_are_versioned() -> None:
    assert names.schema_name("verify") == "dbom.dev/verify/v1"
