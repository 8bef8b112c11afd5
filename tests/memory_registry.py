"""A small registry in this process, over real HTTP, that does what registries do when something is wrong.

The registries that others write are in `registry.py`; this one is for what those never do: send other bytes, break off,
answer 503, redirect elsewhere, ask for tokens, list pages, or know no ranges.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import hashlib
import io
import json
import tarfile
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Layer = tuple[bytes, str, "Mapping[str, str]"]
"""A layer: its content, media type and annotations."""

__all__ = ["Layer", "MemoryRegistry", "file_layer", "memory_registry", "packed", "tar_layer"]

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
TITLE = "org.opencontainers.image.title"


@dataclass
class MemoryRegistry:
    """What the registry holds, how it behaves, and what it was asked.

    `token` is what a request must carry as its bearer; the service that gives it wants `login` (`name:password`), or
    `refresh` as a refresh token. `basic` wants that login itself. `ranges` says whether it knows ranges, `referrers`
    whether it has the referrers API, of pages of `page` entries. `spoilt` changes what is sent for a path's end;
    `failing` holds how often a path's end is answered 503 first. `elsewhere` is where blobs are redirected to.
    """

    host: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[str, tuple[bytes, str]] = field(default_factory=dict)
    token: str = ""
    login: str = ""
    refresh: str = ""
    basic: str = ""
    realm: str = ""
    challenge: str = ""
    ranges: bool = True
    referrers: bool = True
    says_subject: bool = True
    page: int = 1000
    spoilt: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    failing: Counter[str] = field(default_factory=Counter)
    answers: dict[str, int] = field(default_factory=dict)
    elsewhere: str = ""
    uploads_to: str = ""
    digest_header: str = ""
    next_link: str = ""
    breaks: Counter[str] = field(default_factory=Counter)
    before_put: Callable[[str], None] | None = None
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def url(self, wanted: str, repository: str = "models/iris") -> str:
        """Return the reference to a tag or a digest here."""
        return f"oci://{self.host}/{repository}{'@' if ':' in wanted else ':'}{wanted}"

    def add_blob(self, data: bytes) -> str:
        """Hold a blob and return its digest."""
        digest = digest_of(data)
        self.blobs[digest] = data
        return digest

    def add_manifest(self, document: Mapping[str, Any] | bytes, *tags: str, media_type: str = MANIFEST) -> str:
        """Hold a manifest under its digest and these tags, and return the digest."""
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        for name in (digest_of(data), *tags):
            self.manifests[name] = (data, media_type)
        return digest_of(data)

    def add_artifact(
        self,
        *layers: Layer,
        config: str = EMPTY,
        tags: tuple[str, ...] = ("v1",),
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        """Hold an artifact of layers (content, media type, annotations) and return its manifest's digest."""
        empty = self.add_blob(b"{}")
        listed = [
            {"mediaType": media_type, "digest": self.add_blob(data), "size": len(data), "annotations": dict(notes)}
            for data, media_type, notes in layers
        ]
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": config, "digest": empty, "size": 2},
            "layers": listed,
            **({"annotations": dict(annotations)} if annotations else {}),
        }
        return self.add_manifest(document, *tags)


def digest_of(data: bytes) -> str:
    """Return `sha256:<hex>`."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def file_layer(path: str, data: bytes) -> Layer:
    """Return a layer that is a file, as ORAS writes it."""
    return data, "application/vnd.oci.image.layer.v1.tar", {TITLE: path}


def tar_layer(*members: tarfile.TarInfo | tuple[str, bytes], packing: str = "") -> Layer:
    """Return a layer of an image: files (name and content), and whatever else tar can hold."""
    made = packed(*members, packing=packing)
    return made, f"application/vnd.oci.image.layer.v1.tar{'+' + packing if packing else ''}", {}


def packed(*members: tarfile.TarInfo | tuple[str, bytes], packing: str = "") -> bytes:
    """Return a tar archive, packed as `packing` says."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size = len(member[1])
                archive.addfile(info, io.BytesIO(member[1]))
    if packing == "zstd":
        import zstandard

        return zstandard.compress(held.getvalue())
    return gzip.compress(held.getvalue(), mtime=0) if packing == "gzip" else held.getvalue()


@contextlib.contextmanager
def memory_registry(**settings: Any) -> Iterator[MemoryRegistry]:  # noqa: ANN401  they are the fields
    """Run a registry until the `with` ends."""
    held = MemoryRegistry(**settings)

    class Handler(_Handler):
        registry = held

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held.host = f"127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    registry: MemoryRegistry
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:  # noqa: PLR0911  one return for each kind of request
        parts = urlsplit(self.path)
        self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.registry.seen.append((self.command, self.path, dict(self.headers)))
        tail = parts.path.rpartition("/")[2]
        if parts.path == "/token":
            return self._token(parse_qs(parts.query))
        if self.registry.failing[tail] > 0:
            self.registry.failing[tail] -= 1
            return self._send(503, b"", {"Retry-After": "0"})
        if tail in self.registry.answers:
            return self._send(self.registry.answers[tail], b"")
        if not self._is_let_in():
            return self._send(401, b"", {"WWW-Authenticate": self._challenge()})
        if "/referrers/" in parts.path:
            return self._referrers(tail, parse_qs(parts.query))
        if "/manifests/" in parts.path:
            return self._manifest(tail)
        if "/uploads/" in parts.path:
            return self._upload(parse_qs(parts.query))
        return self._blob(tail)

    def _is_let_in(self) -> bool:
        said = self.headers.get("Authorization", "")
        if self.registry.basic:
            return said == "Basic " + base64.b64encode(self.registry.basic.encode()).decode()
        return not self.registry.token or said == f"Bearer {self.registry.token}"

    def _challenge(self) -> str:
        if self.registry.challenge or self.registry.basic:
            return self.registry.challenge or 'Basic realm="here"'
        realm = self.registry.realm or f"http://{self.registry.host}/token"
        return f'Bearer realm="{realm}",service="made-up",scope="repository:models/iris:pull"'

    def _token(self, query: dict[str, list[str]]) -> None:
        form = parse_qs(self.body.decode())
        basic = "Basic " + base64.b64encode(self.registry.login.encode()).decode()
        refreshed = self.registry.refresh and form.get("refresh_token") == [self.registry.refresh]
        if self.registry.failing["token"] > 0:
            self.registry.failing["token"] -= 1
            return self._send(503, b"")
        if refreshed or not self.registry.login or self.headers.get("Authorization") == basic:
            said = {"access_token" if refreshed else "token": self.registry.token}
            return self._send(200, self._spoil("token", json.dumps(said).encode()))
        return self._send(401, json.dumps(query).encode())

    def _manifest(self, name: str) -> None:
        if self.command == "PUT":
            if self.registry.before_put is not None:
                self.registry.before_put(name)
            self.registry.add_manifest(self.body, name, media_type=self.headers["Content-Type"])
            subject = json.loads(self.body).get("subject", {}).get("digest", "")
            named = subject and self.registry.referrers and self.registry.says_subject
            return self._send(201, b"", {"OCI-Subject": subject} if named else {})
        if name not in self.registry.manifests:
            return self._send(404, b"{}")
        data, media_type = self.registry.manifests[name]
        headers = {"Content-Type": media_type, "Docker-Content-Digest": self.registry.digest_header or digest_of(data)}
        return self._send(200, self._spoil(name, data), headers)

    def _referrers(self, digest: str, query: dict[str, list[str]]) -> None:
        if not self.registry.referrers:
            return self._send(404, b"{}")
        found = []
        for name, (data, media_type) in sorted(self.registry.manifests.items()):
            document = json.loads(data)
            if name.startswith("sha256:") and document.get("subject", {}).get("digest") == digest:
                kind = document.get("artifactType", "")
                found.append({"mediaType": media_type, "digest": name, "size": len(data), "artifactType": kind})
        start = int(query.get("from", ["0"])[0])
        headers = {"Content-Type": INDEX}
        if start + self.registry.page < len(found):
            following = f"/v2/models/iris/referrers/{digest}?from={start + self.registry.page}"
            headers["Link"] = f'<{self.registry.next_link or following}>; rel="next"'
        page = {"schemaVersion": 2, "mediaType": INDEX, "manifests": found[start : start + self.registry.page]}
        return self._send(200, self._spoil("referrers", json.dumps(page).encode()), headers)

    def _upload(self, query: dict[str, list[str]]) -> None:
        if self.command == "POST":
            place = self.registry.uploads_to or "/v2/models/iris/blobs/uploads/1?state=made-up"
            return self._send(202, b"", {"Location": place})
        if query["digest"] != [digest_of(self.body)]:
            return self._send(400, b"{}")
        self.registry.add_blob(self.body)
        return self._send(201, b"")

    def _blob(self, digest: str) -> None:
        if digest not in self.registry.blobs:
            return self._send(404, b"{}")
        if self.registry.elsewhere and self.command == "GET":
            return self._send(307, b"", {"Location": f"{self.registry.elsewhere}{self.path}"})
        data = self._spoil(digest, self.registry.blobs[digest])
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if not wanted or not self.registry.ranges:
            return self._send(200, data, broken=self._breaks(digest))
        first, _, last = wanted.partition("-")
        stop = int(last) + 1 if last else len(data)
        headers = {"Content-Range": f"bytes {first}-{stop - 1}/{len(data)}"}
        return self._send(206, data[int(first) : stop], headers, broken=self._breaks(digest))

    def _breaks(self, name: str) -> bool:
        self.registry.breaks[name] -= 1
        return self.registry.breaks[name] >= 0

    def _spoil(self, name: str, data: bytes) -> bytes:
        change = self.registry.spoilt.get(name)
        return data if change is None else change(data)

    def _send(
        self, status: int, data: bytes, headers: Mapping[str, str] | None = None, *, broken: bool = False
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[: len(data) // 2] if broken else data)
        self.close_connection = self.close_connection or broken
