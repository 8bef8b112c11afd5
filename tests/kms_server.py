"""moto's server with what its KMS leaves out: `MessageType=DIGEST`, which says that the message is hashed already.

AWS signs such a digest as it is; moto 5 hashes it once more, so no signature that is asked for that way would hold.
"""

from __future__ import annotations

import threading
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512
from moto.kms.responses import KmsResponse
from moto.kms.utils import ECDSAPrivateKey
from moto.server import main

_HASHES = {"ECDSA_SHA_256": SHA256(), "ECDSA_SHA_384": SHA384(), "ECDSA_SHA_512": SHA512()}
_request = threading.local()
_answer, _sign = KmsResponse.sign, ECDSAPrivateKey.sign


def _answer_either(self: KmsResponse) -> Any:  # noqa: ANN401  moto's
    _request.is_digest = self._get_param("MessageType") == "DIGEST"
    return _answer(self)


def _sign_either(self: ECDSAPrivateKey, message: bytes, signing_algorithm: str) -> bytes:
    if not _request.is_digest:
        return _sign(self, message, signing_algorithm)
    return bytes(self.private_key.sign(message, ec.ECDSA(Prehashed(_HASHES[signing_algorithm]))))


KmsResponse.sign = _answer_either  # type: ignore[method-assign]  # see above
ECDSAPrivateKey.sign = _sign_either  # type: ignore[method-assign]  # see above

if __name__ == "__main__":
    main()
