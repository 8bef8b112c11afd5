"""Logs for tests: with a key of their own, and ways to look at and spoil their files."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from attest.local.checkpoints import LogSigner
from attest.local.log import MerkleLog

SIGNER: Final = LogSigner("log.example", ec.derive_private_key(11, ec.SECP256R1()))
"""Who every log of the tests is; the key is the same in every process."""

WRITER: Final = (
    "import sys; from pathlib import Path; from cryptography.hazmat.primitives.asymmetric import ec\n"
    "from attest.local.checkpoints import LogSigner; from attest.local.log import MerkleLog\n"
    "log = MerkleLog(Path(sys.argv[1]), LogSigner('log.example', ec.derive_private_key(11, ec.SECP256R1())))\n"
)
"""The start of a program that writes to the log in its first argument."""

_OLD: Final = Path(__file__).parent / "golden" / "local" / "sigstore-1.json"


def new_log(folder: Path) -> MerkleLog:
    """Make an empty log."""
    return MerkleLog.create(folder, SIGNER)


def old_home(folder: Path) -> Path:
    """Lay out the home of a local Sigstore as an older dbom left it, three signatures in it; return `folder`."""
    files = json.loads(_OLD.read_text(encoding="ascii"))["files"]
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(data))
        path.chmod(0o600)
    return folder
