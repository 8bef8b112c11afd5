"""The Merkle tree of RFC 6962: known roots, and proofs that lead to them and to nothing else."""

from __future__ import annotations

import hashlib

import pytest

from attest.local.merkle import inclusion_proof, leaf_hash, root_from_proof, tree_root

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


@pytest.mark.parametrize("size", range(9))
def test_roots_are_those_of_the_reference(size: int) -> None:
    assert _ROOTS[size] == tree_root(_LEAVES[:size]).hex()


@pytest.mark.parametrize(("size", "index"), [(size, index) for size in range(1, 9) for index in range(size)])
def test_every_leaf_has_a_proof_that_leads_to_the_root(size: int, index: int) -> None:
    path = inclusion_proof(_LEAVES[:size], index)
    assert tree_root(_LEAVES[:size]) == root_from_proof(_LEAVES[index], index, size, path)


def test_a_proof_leads_elsewhere_for_another_leaf_or_place() -> None:
    path, root = inclusion_proof(_LEAVES, 3), tree_root(_LEAVES)
    assert root != root_from_proof(_LEAVES[2], 3, 8, path)
    assert root != root_from_proof(_LEAVES[3], 2, 8, path)


def test_a_proof_of_the_wrong_length_is_refused() -> None:
    path = inclusion_proof(_LEAVES, 3)
    with pytest.raises(ValueError, match="too short"):
        root_from_proof(_LEAVES[3], 3, 8, path[:-1])
    with pytest.raises(ValueError, match="too long"):
        root_from_proof(_LEAVES[3], 3, 8, (*path, hashlib.sha256().digest()))


def test_there_is_no_proof_of_a_leaf_that_is_not_there() -> None:
    with pytest.raises(IndexError):
        inclusion_proof(_LEAVES[:2], 2)
