"""The S3 client's settings: fsspec's configuration means what it means to s3fs, and nothing is left out in silence."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from dbom.errors import UsageError
from dbom.storage.s3_client import client_options


def test_settings_are_read_as_s3fs_reads_them() -> None:
    options = client_options(
        {
            "key": "K",
            "secret": "S",
            "token": "T",
            "endpoint_url": "http://h",
            "use_ssl": "false",
            "profile": "p",
            "requester_pays": True,
            "client_kwargs": {"region_name": "eu-west-1"},
            "config_kwargs": {"proxies": {"http": "x"}, "retries": {"total_max_attempts": 9}},
            "max_concurrency": 3,
        }
    )
    assert {
        "aws_access_key_id": "K",
        "aws_secret_access_key": "S",
        "aws_session_token": "T",
        "endpoint_url": "http://h",
        "use_ssl": False,
        "region_name": "eu-west-1",
    } == options.arguments
    assert ("p", False, {"RequestPayer": "requester"}) == (options.profile, options.anonymous, options.calls)
    assert {"http": "x"} == options.config["proxies"]
    assert {"total_max_attempts": 1} == options.config["retries"], "asking again is ours"


@pytest.mark.parametrize(("said", "means"), [(True, True), ("true", True), ("1", True), ("False", False), ("", False)])
def test_words_of_an_environment_are_understood(said: object, means: object) -> None:
    assert means is client_options({"anon": said}).anonymous


def test_a_setting_that_is_not_known_is_an_error() -> None:
    with pytest.raises(UsageError, match="isn't known here"):
        client_options({"bucket_prefix": "elsewhere"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"AWS_PROFILE": "nobody"}, "ProfileNotFound"),
        ({"AWS_ENDPOINT_URL": "no url"}, "ValueError"),
        ({"FSSPEC_S3": '{"client_kwargs": {"colour": "red"}}'}, "TypeError"),
        ({"FSSPEC_S3_COLOUR": "red"}, "isn't known here"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "NoCredentialsError"),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "FSSPEC_S3_ANON": "true"}, "the connection failed"),
    ],
)
def test_settings_that_cannot_be_used_are_one_clear_error(settings: dict[str, str], said: str) -> None:
    """In a process of its own: fsspec reads its configuration once."""
    program = (
        "from dbom.errors import DbomError\nfrom dbom.remote import fingerprint_url\nfrom dbom.storage import retries\n"
        "retries.RETRIES = retries.Retries(attempts=2, first=0.001)\n"
        "try: fingerprint_url('s3://bucket/key')\n"
        "except DbomError as error: print(error)"
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "FSSPEC_"))}
    quiet = {
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    told = subprocess.run(
        [sys.executable, "-P", "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={**kept, **quiet, **settings},
    )
    assert said in told.stdout
    assert "" == told.stderr
