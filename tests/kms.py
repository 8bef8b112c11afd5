"""A key management service on loopback: moto's, which speaks AWS KMS over real HTTP and really signs.

The fixture `kms` (tests/conftest.py) gives a `Kms`, with its `.environment` set for the test: `.key()` makes a signing
key and returns its ARN, `.public_pem(arn)` its public half.
"""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)
from servers import S3_ENVIRONMENT, free_port, process

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Kms", "kms"]

_SERVER = Path(__file__).with_name("kms_server.py")


@dataclass(frozen=True, slots=True)
class Kms:
    """A running service; `environment` leads AWS's clients to it."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """Return what AWS's clients read."""
        return {**S3_ENVIRONMENT, "AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": self.endpoint}

    def key(self, spec: str = "ECC_NIST_P256") -> str:
        """Make a key that signs, of one of AWS's specs (ECC_NIST_P384, RSA_3072, …); return its ARN."""
        made = self._client().create_key(KeyUsage="SIGN_VERIFY", KeySpec=spec)
        return str(made["KeyMetadata"]["Arn"])

    def public_pem(self, arn: str) -> bytes:
        """Return the public half of a key in PEM."""
        public = load_der_public_key(self._client().get_public_key(KeyId=arn)["PublicKey"])
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def _client(self) -> Any:  # noqa: ANN401  boto3 makes its clients' classes as it runs
        import boto3  # type: ignore[import-untyped]  # it has no types

        return boto3.client(
            "kms",
            endpoint_url=self.endpoint,
            region_name="us-east-1",
            aws_access_key_id=S3_ENVIRONMENT["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=S3_ENVIRONMENT["AWS_SECRET_ACCESS_KEY"],
        )


@contextlib.contextmanager
def kms() -> Iterator[Kms]:
    """Run the service."""
    port = free_port()
    with process([sys.executable, "-P", str(_SERVER), "-H", "127.0.0.1", "-p", str(port)], port):
        yield Kms(f"http://127.0.0.1:{port}")
