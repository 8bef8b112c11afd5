"""Which services a trust configuration asks for, by sigstore/protobuf-specs: compared with sigstore-python's choice."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from sigstore.errors import Error
from sigstore.models import ClientTrustConfig

from attest.local import open_local
from attest.signers.services import Services
from dbom.errors import DocumentError

if TYPE_CHECKING:
    from pathlib import Path

_NOW = datetime.now(UTC)
_OPEN, _PAST = {"start": "2020-01-01T00:00:00Z"}, {"start": "2020-01-01T00:00:00Z", "end": "2021-01-01T00:00:00Z"}
_FUTURE = {"start": "2999-01-01T00:00:00Z"}


def _service(name: str, version: int = 1, operator: str = "us", **changed: object) -> dict[str, Any]:
    valid = {"url": f"http://{name}", "majorApiVersion": version, "operator": operator, "validFor": _OPEN}
    return {**valid, **changed}


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    return {
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": json.loads(open_local(tmp_path).trusted_root()),
        "signingConfig": {
            "mediaType": "application/vnd.dev.sigstore.signingconfig.v0.2+json",
            "caUrls": [_service("ca")],
            "rekorTlogUrls": [_service("log")],
            "rekorTlogConfig": {"selector": "ANY"},
            "tsaConfig": {"selector": "ANY"},
        },
    }


def _read(config: dict[str, Any]) -> Services:
    return Services.of_trust_config(json.dumps(config).encode(), where="config", now=_NOW)


@pytest.mark.parametrize(
    ("services", "chosen"),
    [
        ([_service("a")], {"selector": "ANY"}),
        ([_service("a", 1), _service("b", 2)], {"selector": "ANY"}),
        ([_service("b", 2), _service("a", 1)], {"selector": "ALL"}),
        ([_service("a", 2, validFor=_PAST), _service("b", 1)], {"selector": "ALL"}),
        ([_service("a", 2, validFor=_FUTURE), _service("b", 1)], {"selector": "ALL"}),
        ([_service("a", 3), _service("b", 1)], {"selector": "ALL"}),
        ([_service("a"), _service("b", operator="b"), _service("c", operator="c")], {"selector": "EXACT", "count": 2}),
        ([_service("a"), _service("b", operator="b")], {"selector": "ALL"}),
        ([_service("a"), _service("b", operator="b")], {"selector": "ANY"}),
    ],
)
def test_the_services_are_those_that_sigstore_python_takes(
    config: dict[str, Any], services: list[dict[str, Any]], chosen: dict[str, object]
) -> None:
    config["signingConfig"] |= {"rekorTlogUrls": services, "rekorTlogConfig": chosen}
    theirs = ClientTrustConfig.from_json(json.dumps(config)).signing_config.get_tlogs()
    assert [client.url for client in theirs] == [  # type: ignore[attr-defined]  # of both its clients
        f"{log.url}/api/v{log.version}" for log in _read(config).logs
    ]


def test_time_stampers_may_be_missing_and_a_log_may_not(config: dict[str, Any]) -> None:
    assert () == _read(config).time_stamp_urls
    config["signingConfig"]["tsaUrls"] = [_service("tsa/api/v1/timestamp"), _service("old", validFor=_PAST)]
    assert ("http://tsa/api/v1/timestamp",) == _read(config).time_stamp_urls
    config["signingConfig"]["rekorTlogUrls"] = [_service("log", validFor=_PAST)]
    with pytest.raises(DocumentError, match="no log that is in force"):
        _read(config)
    with pytest.raises((Error, ValueError)):
        _ = ClientTrustConfig.from_json(json.dumps(config)).signing_config


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"rekorTlogConfig": {"selector": "EXACT", "count": 2}}, "asks for 2 of rekorTlogUrls"),
        ({"rekorTlogConfig": {"selector": "SOME"}}, "isn't known here"),
        ({"rekorTlogConfig": {"selector": "EXACT"}}, "isn't known here"),
        ({"rekorTlogConfig": []}, "is not an object"),
        ({"rekorTlogUrls": {}}, "no log that is in force"),
        ({"rekorTlogUrls": "x"}, "not a list"),
        ({"rekorTlogUrls": ["x"]}, "not a list"),
        ({"rekorTlogUrls": [_service("a", validFor=None)]}, "no validFor"),
        ({"rekorTlogUrls": [_service("a", validFor={"start": "2020-01-01"})]}, "not a time with a zone"),
        ({"rekorTlogUrls": [_service("a", validFor={"end": "soon"})]}, "not a time with a zone"),
        ({"rekorTlogUrls": [_service("a", validFor={"end": 3})]}, "not a time with a zone"),
        ({"rekorTlogUrls": [_service("a", majorApiVersion="1")]}, "has no version"),
        ({"rekorTlogUrls": [_service("a", url="ftp://a")]}, "no usable URL"),
        ({"rekorTlogUrls": [_service("a", url="http://[")]}, "no usable URL"),
        ({"rekorTlogUrls": [_service("a", url=3)]}, "no usable URL"),
        ({"mediaType": "application/other"}, "of another version"),
    ],
)
def test_a_malformed_signing_configuration_is_refused_with_its_fault(
    config: dict[str, Any], changed: dict[str, object], said: str
) -> None:
    config["signingConfig"] |= changed
    with pytest.raises(DocumentError, match=said) as caught:
        _read(config)
    assert ("DBOM-352", "config") == (caught.value.rule.id, caught.value.where)


def test_what_is_no_trust_configuration_is_said(config: dict[str, Any]) -> None:
    config["mediaType"] = "application/json"
    with pytest.raises(DocumentError, match="not a client trust configuration"):
        _read(config)
