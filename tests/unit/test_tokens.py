"""Identity tokens: read without being believed, refused before they are sent, and shown nowhere."""

from __future__ import annotations

import gc
import socket
import sys
import threading
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from attest.signers.ambient import AmbientTokens, BrowserTokens, ambient_token, find_tokens, offered_identity
from attest.signers.tokens import FileTokens, GivenToken, Token
from dbom.errors import DbomError, PathError, SigningError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_CLAIMS = {"aud": "sigstore", "iss": "https://i.example", "sub": "ann", "iat": 0, "exp": _NOW.timestamp() + 60}


def _token(**changed: object) -> str:
    claims = {name: value for name, value in {**_CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, "k" * 32, algorithm="HS256")


def _parsed(text: str) -> Token:
    return Token.parse(text, where="here", now=_NOW)


@pytest.mark.parametrize("around", ["{}", "{}\n", " {}\r\n\n"])
def test_white_space_around_a_token_is_no_part_of_it(around: str) -> None:
    token = _token()
    found = _parsed(around.format(token))
    assert (token, "ann", "https://i.example") == (found.raw, found.subject, found.issuer)
    assert token not in repr(found)
    assert _NOW + timedelta(seconds=60) == found.ends


def test_the_issuer_behind_a_federating_one_is_the_one_that_is_vouched_for() -> None:
    assert "https://i.example" == _parsed(_token(federated_claims="x")).vouched_issuer
    behind = _parsed(_token(federated_claims={"connector_id": "https://behind.example"}))
    assert "https://behind.example" == behind.vouched_issuer


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "DBOM-351"),
        ("a.b", "DBOM-351"),
        ("a.!.c", "DBOM-351"),
        ("a.W10.c", "DBOM-351"),  # a list
        ("a.eyJhIjoxLCJhIjoxfQ.c", "DBOM-351"),  # a claim twice
        (_token() + ".x", "DBOM-351"),
        (_token(sub=None), "DBOM-351"),
        (_token(iss=""), "DBOM-351"),
        (_token(aud=None), "DBOM-357"),
        (_token(aud=["other", "sigstore.example"]), "DBOM-357"),
        (_token(exp=None), "DBOM-356"),
        (_token(exp="soon"), "DBOM-356"),
        (_token(exp=1e99), "DBOM-356"),
        (_token(exp=_NOW.timestamp()), "DBOM-356"),
        (_token(nbf=_NOW.timestamp() + 60), "DBOM-356"),
    ],
)
def test_a_token_that_can_not_do_is_refused_for_its_own_reason_and_not_shown(text: str, rule: str) -> None:
    with pytest.raises(UsageError) as caught:
        _parsed(text)
    error: BaseException | None = caught.value
    assert (rule, "here") == (caught.value.rule.id, caught.value.where)
    while error is not None:
        assert not text or text not in f"{error}{error!r}"
        error = error.__cause__


def test_one_audience_of_several_is_enough_and_a_small_drift_is_none() -> None:
    assert "ann" == _parsed(_token(aud=["other", "sigstore"], nbf=_NOW.timestamp() + 3)).subject


def test_a_file_is_read_anew_each_time(tmp_path: Path) -> None:
    path = tmp_path / "token"
    source = FileTokens(path)
    with pytest.raises(PathError, match="no such identity token"):
        source.token(_NOW)
    for subject in ("ann", "bob"):
        path.write_text(_token(sub=subject) + "\n")
        assert subject == source.token(_NOW).subject
    path.write_bytes(b"\xff" * 10)
    with pytest.raises(UsageError):
        source.token(_NOW)


def test_what_is_given_goes_before_variables_and_those_before_a_pod_s_file(tmp_path: Path) -> None:
    pod = tmp_path / "oidc-token"
    everything = {"SIGSTORE_ID_TOKEN": "t", "DBOM_IDENTITY_TOKEN_FILE": "/f"}
    assert GivenToken("a", "--identity-token") == find_tokens(everything, token="a", pod_token=pod)
    assert FileTokens(Path("/g")) == find_tokens(everything, token_file=Path("/g"), pod_token=pod)
    assert FileTokens(Path("/f")) == find_tokens(everything, pod_token=pod)
    assert GivenToken("t", "SIGSTORE_ID_TOKEN") == find_tokens({"SIGSTORE_ID_TOKEN": "t"}, pod_token=pod)
    assert ("", True) == (offered_identity({}, pod), isinstance(find_tokens({}, pod_token=pod), AmbientTokens))
    pod.write_text("t")
    assert (str(pod), FileTokens(pod)) == (offered_identity({}, pod), find_tokens({}, pod_token=pod))
    assert "DBOM_IDENTITY_TOKEN_FILE" == offered_identity({"DBOM_IDENTITY_TOKEN_FILE": "/f"}, pod)


class _Issuer(BaseHTTPRequestHandler):
    """GitHub's token service, and an OIDC issuer at which everybody is signed in already."""

    token: ClassVar[str] = ""
    status: ClassVar[int] = 200
    asked: ClassVar[list[str]] = []
    url: ClassVar[str] = ""

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.asked.append(self.path)
        if parts.path == "/.well-known/openid-configuration":
            places = f'"authorization_endpoint":"{self.url}/auth","token_endpoint":"{self.url}/token"'
            self._give(200, "{" + places + "}")
        elif parts.path == "/auth":
            query = parse_qs(parts.query)
            answer = f"error=access_denied&state={query['state'][0]}" if self.status != 200 else ""
            answer = answer or f"code=c&state={query['state'][0]}"
            self._give(302, "", location=f"{query['redirect_uri'][0]}?{answer}")
        else:
            secret = self.headers.get("Authorization", "")
            self._give(self.status, f'{{"value":"{self.token}"}}' if self.status == 200 else secret)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._give(200, f'{{"access_token":"{self.token}"}}' if self.token else "{}")

    def _give(self, status: int, text: str, *, location: str = "") -> None:
        self.send_response(status)
        if location:
            self.send_header("Location", location)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def _issuer(token: str, status: int = 200) -> Iterator[type[_Issuer]]:
    handler = type("_Bound", (_Issuer,), {"token": token, "status": status, "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        handler.url = f"http://127.0.0.1:{server.server_address[1]}"  # type: ignore[attr-defined]  # a class made here
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield handler
        server.shutdown()
        thread.join()


def _github(monkeypatch: pytest.MonkeyPatch, url: str) -> dict[str, str]:
    environment = {
        "GITHUB_ACTIONS": "true",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "request-secret",
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{url}/request?x=1",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return environment


def test_a_github_job_s_token_is_asked_for_once_and_again_before_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    with _issuer(_token(exp=_NOW.timestamp() + 300)) as issuer:
        source = AmbientTokens(_github(monkeypatch, issuer.url))
        assert "ann" == source.token(_NOW).subject
        source.token(_NOW + timedelta(seconds=100))
        assert ["/request?x=1&audience=sigstore"] == issuer.asked
        source.token(_NOW + timedelta(seconds=250))
        assert 2 == len(issuer.asked)
        assert "ann" not in repr(source)


def test_a_refused_token_is_an_error_that_does_not_show_the_job_s_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with _issuer("", status=403) as issuer:
        environment = _github(monkeypatch, issuer.url)
        with pytest.raises(SigningError, match="could not be had") as caught:
            ambient_token(environment)
    assert (False, True) == ("request-secret" in str(caught.value), "[hidden]" in str(caught.value))
    assert (None, True) == (caught.value.__cause__, caught.value.__suppress_context__)


@pytest.mark.parametrize("name", ["GITLAB_CI", "BUILDKITE"])
def test_ci_that_should_offer_a_token_and_does_not_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv(name, "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SigningError, match="could not be had"):
        ambient_token({})


_BROWSER = """#!{python}
import sys, urllib.request
urllib.request.urlopen(sys.argv[1], timeout=10).read()
"""


@pytest.fixture
def browser(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make a program the browser that opens an address and follows where it leads, as one would at a sign-in."""
    program = tmp_path / "browser"
    program.write_text(_BROWSER.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{program} %s")
    monkeypatch.setattr("webbrowser._tryorder", None)
    yield
    # sigstore's server for the redirect leaves its socket to the garbage collector.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.mark.usefixtures("browser")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_person_signs_in_with_a_browser_once(capsys: pytest.CaptureFixture[str]) -> None:
    now = datetime.now(UTC)  # sigstore's own reader asks the clock
    token = _token(iat=int(now.timestamp()), exp=int(now.timestamp()) + 60)
    with _issuer(token) as issuer:
        source = BrowserTokens(lambda: issuer.url, is_interactive=True)
        assert token == source.token(now).raw
        asked = len(issuer.asked)
        assert token == source.token(now).raw
        assert asked == len(issuer.asked)
    said = capsys.readouterr()
    assert ("", False) == (said.out, token in said.err)
    assert token not in repr(source)


@pytest.mark.usefixtures("browser")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_sign_in_that_is_refused_or_never_ends_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    for status, said in ((403, "access_denied"), (200, "has no 'access_token'")):
        with _issuer("", status) as issuer, pytest.raises(SigningError, match=said):
            BrowserTokens(lambda: issuer.url, is_interactive=True).token(_NOW)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        source = BrowserTokens(lambda: f"http://127.0.0.1:{silent.getsockname()[1]}", is_interactive=True, deadline=0.2)
        with pytest.raises(SigningError, match="no answer within"):
            source.token(_NOW)
    assert "" == capsys.readouterr().out


def test_nobody_is_asked_to_sign_in_where_there_is_nobody() -> None:
    def address() -> str:
        raise AssertionError

    with pytest.raises(UsageError, match="nobody is at a terminal") as caught:
        BrowserTokens(address, is_interactive=False).token(_NOW)
    assert isinstance(caught.value, DbomError)
