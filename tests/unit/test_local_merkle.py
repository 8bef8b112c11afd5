"""The Merkle tree of RFC 9162: known roots, and proofs that lead to them and to nothing else."""

from __future__ import annotations

import hashlib

import pytest

from attest.local.layout import node_offset, record_offset, record_size
from attest.local.merkle import (
    Frontier,
    check_consistency,
    consistency_proof,
    empty_root,
    inclusion_proof,
    leaf_hash,
    nodes_of,
    root_from_proof,
    tree_root,
)

# The leaves and roots of the reference tests of certificate-transparency (RFC 6962 trees of 0 to 8 leaves).
_DATA = tuple(
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
)
_ROOTS = (
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
_LEAVES = tuple(leaf_hash(item) for item in _DATA)
_NODE = nodes_of(_LEAVES)


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    frontier = Frontier()
    for leaf in _LEAVES[:size]:
        frontier.add(leaf)
    assert [_ROOTS[size]] * 2 == [tree_root(size, _NODE).hex(), frontier.root.hex()]
    assert Frontier.of(size, _NODE).root == frontier.root


@pytest.mark.parametrize(("size", "index"), [(size, index) for size in range(1, 9) for index in range(size)])
def test_every_leaf_has_a_proof_that_leads_to_the_root(size: int, index: int) -> None:
    path = inclusion_proof(index, size, _NODE)
    assert _ROOTS[size] == root_from_proof(_LEAVES[index], index, size, path).hex()


# RFC 6962, section 2.1.3, spells these out for a tree of seven leaves.
def test_the_proofs_are_those_of_the_standard_s_example() -> None:
    a, b, c, d, e, f, j = _LEAVES[:7]
    g, h, i, k = _NODE(1, 0), _NODE(1, 1), _NODE(1, 2), _NODE(2, 0)
    ell = tree_root(3, lambda level, index: _NODE(level, index + (4 >> level)))
    assert (b, h, ell) == inclusion_proof(0, 7, _NODE)
    assert (c, g, ell) == inclusion_proof(3, 7, _NODE)
    assert (f, j, k) == inclusion_proof(4, 7, _NODE)
    assert (i, k) == inclusion_proof(6, 7, _NODE)
    assert (c, d, g, ell) == consistency_proof(3, 7, _NODE)
    assert (ell,) == consistency_proof(4, 7, _NODE)
    assert (i, j, k) == consistency_proof(6, 7, _NODE)
    assert {a, e} <= set(_LEAVES)


@pytest.mark.parametrize(("old", "new"), [(old, new) for new in range(9) for old in range(new + 1)])
def test_a_tree_that_only_grew_is_proven_to(old: int, new: int) -> None:
    path = consistency_proof(old, new, _NODE)
    old_root, new_root = (bytes.fromhex(_ROOTS[size]) for size in (old, new))
    assert check_consistency(old, new, old_root, new_root, path)
    if 0 < old < new:
        other = hashlib.sha256().digest()
        assert not check_consistency(old, new, other, new_root, path)
        assert not check_consistency(old, new, old_root, other, path)
        assert not check_consistency(old, new, old_root, new_root, path[:-1])
        assert not check_consistency(old, new, old_root, new_root, (*path, other))
        assert not check_consistency(new, old, new_root, old_root, path)
    else:
        assert () == path
        assert not check_consistency(old, new, old_root, new_root, (new_root,))


def test_the_empty_tree_s_root_is_no_other_tree_s() -> None:
    assert not check_consistency(0, 2, bytes.fromhex(_ROOTS[1]), bytes.fromhex(_ROOTS[2]), ())
    assert not check_consistency(2, 2, bytes.fromhex(_ROOTS[1]), bytes.fromhex(_ROOTS[2]), ())
    assert not check_consistency(3, 4, bytes.fromhex(_ROOTS[3]), bytes.fromhex(_ROOTS[4]), ())
    assert _ROOTS[0] == empty_root().hex()


def test_a_proof_leads_elsewhere_for_another_leaf_or_place() -> None:
    path, root = inclusion_proof(3, 8, _NODE), tree_root(8, _NODE)
    assert root != root_from_proof(_LEAVES[2], 3, 8, path)
    assert root != root_from_proof(_LEAVES[3], 2, 8, path)


def test_a_proof_of_the_wrong_length_is_refused() -> None:
    path = inclusion_proof(3, 8, _NODE)
    with pytest.raises(ValueError, match="too short"):
        root_from_proof(_LEAVES[3], 3, 8, path[:-1])
    with pytest.raises(ValueError, match="too long"):
        root_from_proof(_LEAVES[3], 3, 8, (*path, hashlib.sha256().digest()))


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(IndexError):
        inclusion_proof(2, 2, _NODE)
    for old, new in ((3, 2), (-1, 2)):
        with pytest.raises(IndexError):
            consistency_proof(old, new, _NODE)


def test_the_edge_of_a_tree_is_the_audit_path_of_the_next_leaf() -> None:
    for size in range(8):
        assert inclusion_proof(size, size + 1, _NODE) == Frontier.of(size, _NODE).path


def test_each_complete_subtree_has_one_place_in_the_file_and_there_are_no_gaps() -> None:
    places = [(record_offset(index), 8) for index in range(8)]
    places += [(node_offset(level, index), 32) for level in range(4) for index in range(8 >> level)]
    ends = sorted((start, start + size) for start, size in places)
    assert [end for _, end in ends[:-1]] == [start for start, _ in ends[1:]]
    assert (0, record_offset(8)) == (ends[0][0], ends[-1][1])
    assert record_offset(8) == sum(record_size(index) for index in range(8))
