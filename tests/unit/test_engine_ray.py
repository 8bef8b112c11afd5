"""The Ray engine where there is no Ray; what a cluster does is in tests/integration/test_ray.py."""

from __future__ import annotations

import os
import sys

import pytest

import dbom
from dbom.engine import open_engine
from dbom.engine.ray_engine import _PRIVATE, _call, _environment
from dbom.errors import MissingExtraError, StoreError


def test_without_ray_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError) as raised, open_engine("ray"):
        pass
    assert "pip install 'dbom[ray]'" == raised.value.hint


def test_a_worker_with_another_version_refuses() -> None:
    assert 2 == _call(dbom.__version__, abs, (-2,), {})
    with pytest.raises(StoreError, match="another version"):
        _call("0.0.0", abs, (-2,), {})


def test_a_ray_of_our_own_is_closed_by_a_token_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _PRIVATE:
        monkeypatch.delenv(name, raising=False)
    tokens = set()
    for _ in range(2):
        with _environment(_PRIVATE):
            assert ("token", "0") == (os.environ["RAY_AUTH_MODE"], os.environ["RAY_USAGE_STATS_ENABLED"])
            tokens.add(os.environ["RAY_AUTH_TOKEN"])
        assert not set(_PRIVATE) & set(os.environ)
    assert [64, 64] == [len(token) for token in tokens]


def test_what_is_set_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    with _environment(_PRIVATE):
        assert "mine" == os.environ["RAY_AUTH_TOKEN"]
    assert "mine" == os.environ["RAY_AUTH_TOKEN"]
