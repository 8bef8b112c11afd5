"""What is told of a gate: how old its word on revocations is, until when its certificate holds, what it says itself."""

from __future__ import annotations

import json
import ssl
import threading
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from judging import NOW
from snapshot_samples import BUNDLES, evidence_of, source

from admission.certificates import write_self_signed
from admission.status_reading import Status, certificate_end, read_status
from dbom.errors import DocumentError, PathError, StoreError
from dbom.names import schema_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from admission.certificates import SelfSigned
    from dbom.canonical import JsonObject

GOOD = json.dumps({"schema": schema_name("admission-serve-status"), "ready": True}).encode()


def revocations(*asked: str, read: Sequence[bytes] = BUNDLES) -> list[JsonObject]:
    """Return what is told of the revocations of a policy, by some bundles."""
    evidence = evidence_of([source("p", "", *asked)], read)
    found = Status(at=NOW, evidence=evidence).to_json()["revocations"]
    assert isinstance(found, list)
    return [item for item in found if isinstance(item, dict)]


def test_how_old_the_newest_head_of_revocations_is_is_told() -> None:
    (told,) = revocations("revocation")
    age = told["ageSeconds"]
    assert isinstance(age, int)
    assert (told["policy"], age) == ("p", int(timedelta(days=1).total_seconds()))
    assert {"by", "sequence"} < told.keys()


def test_where_no_head_is_there_why_it_cannot_be_told_is_said() -> None:
    """A policy that asks for revocations, and nobody publishes any: that isn't passed over."""
    (told,) = revocations("revocation", read=BUNDLES[:4])
    assert (told["policy"], "head" in str(told["unknown"])) == ("p", True)
    assert revocations() == [{"policy": "p", "unknown": "the policy lists no revokers"}]


def test_until_when_a_certificate_holds(tmp_path: Path) -> None:
    files = write_self_signed(tmp_path, now=NOW)
    assert certificate_end(files.certificate) == (NOW + timedelta(days=7)).replace(microsecond=0)
    with pytest.raises(DocumentError, match="not a certificate in PEM"):
        certificate_end(files.key)
    with pytest.raises(PathError):
        certificate_end(tmp_path / "nowhere")


@contextmanager
def answering(files: SelfSigned, data: bytes, code: int = 200) -> Iterator[str]:
    """Answer each request with this, over TLS, and yield the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(code if self.path == "/status" else 404)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(name="files", scope="module")
def make_files(tmp_path_factory: pytest.TempPathFactory) -> SelfSigned:
    from datetime import UTC, datetime

    return write_self_signed(tmp_path_factory.mktemp("tls"), now=datetime.now(UTC))


def test_what_a_gate_says_of_itself_is_passed_on(files: SelfSigned) -> None:
    with answering(files, GOOD) as url:
        assert read_status(url, ca_cert=files.authority)["ready"] is True
        assert read_status(f"{url}/", ca_cert=files.authority)["ready"] is True
        assert read_status(f"{url}/status", ca_cert=files.authority)["ready"] is True


@pytest.mark.parametrize("data", [b"{}", b'{"schema":"dbom.dev/error/v1"}', b"[]", b"not json"])
def test_what_is_no_status_is_refused(files: SelfSigned, data: bytes) -> None:
    with answering(files, data) as url, pytest.raises(DocumentError):
        read_status(url, ca_cert=files.authority)


def test_whom_nobody_vouches_for_is_not_asked(files: SelfSigned, tmp_path: Path) -> None:
    """A certificate of another authority, an answer that is an error, and an authority that can't be read."""
    other = write_self_signed(tmp_path / "other", now=NOW)
    with answering(files, GOOD) as url:
        for authority in (other.authority, None, tmp_path / "nowhere", files.key):
            with pytest.raises(StoreError, match="can't be had"):
                read_status(url, ca_cert=authority)
    with answering(files, GOOD, 503) as url, pytest.raises(StoreError, match="503"):
        read_status(url, ca_cert=files.authority)
    with pytest.raises(StoreError, match="over TLS only"):
        read_status("http://127.0.0.1:1", ca_cert=None)
