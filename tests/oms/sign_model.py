# mypy: ignore-errors
"""Sign the model of this folder with whatever release of model-signing is installed beside this script's interpreter.

Run by hand, once for each release, in an environment of its own (`pip install model-signing==VERSION pyopenssl`, for
1.1 `blake3` too):

    python tests/oms/sign_model.py tests/oms

What it wrote is kept in `signatures/`, so that a signature that was made years ago is still read. ECDSA signatures are
random, so a second run writes other bytes that say the same. Keys and certificates are in `keys/`; they guard nothing.
"""

import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

RELEASE = version("model-signing")


def sign_0_2(model: Path, keys: Path, out: Path) -> None:
    """Write what 0.2.0 wrote: five predicate types, by key or by certificate."""
    from model_signing.hashing import file, memory
    from model_signing.serialization import serialize_by_file, serialize_by_file_shard
    from model_signing.signature import key, pki
    from model_signing.signing import in_toto, in_toto_signature

    def files(content: type) -> Any:  # noqa: ANN401  likewise
        return serialize_by_file.ManifestSerializer(
            lambda path: file.SimpleFileHasher(path, content()), allow_symlinks=False
        )

    shards = serialize_by_file_shard.ManifestSerializer(
        lambda path, start, end: file.ShardedFileHasher(path, memory.SHA256(), start=start, end=end, shard_size=1000),
        allow_symlinks=False,
    )
    by_key = key.ECKeySigner.from_path(str(keys / "signer.key"))
    by_certificate = pki.PKISigner.from_path(
        str(keys / "signer.key"), str(keys / "signer.pem"), [str(keys / "intermediate.pem")]
    )
    for name, signer, serializer, payload in (
        ("digests", by_key, files(memory.SHA256), in_toto.DigestsIntotoPayload),
        ("digests-certificate", by_certificate, files(memory.SHA256), in_toto.DigestsIntotoPayload),
        ("digests-blake2", by_key, files(memory.BLAKE2), in_toto.DigestsIntotoPayload),
        ("digest-of-digests", by_key, files(memory.SHA256), in_toto.DigestOfDigestsIntotoPayload),
        ("shard-digests", by_key, shards, in_toto.ShardDigestsIntotoPayload),
        ("digest-of-shard-digests", by_key, shards, in_toto.DigestOfShardDigestsIntotoPayload),
    ):
        statement = payload.from_manifest(serializer.serialize(model))
        in_toto_signature.IntotoSigner(signer).sign(statement).write(out / f"0.2.0-{name}.sig")


def sign(model: Path, keys: Path, out: Path) -> None:
    """Write what later releases write: files or shards, another hash, ignored paths, a certificate, a single file."""
    from model_signing import hashing, signing

    def by_key(config: Any) -> Any:  # noqa: ANN401  four releases have four types
        return config.use_elliptic_key_signer(private_key=keys / "signer.key")

    def by_certificate(config: Any) -> Any:  # noqa: ANN401  likewise
        return config.use_certificate_signer(
            private_key=keys / "signer.key",
            signing_certificate=keys / "signer.pem",
            certificate_chain=[keys / "intermediate.pem"],
        )

    cases = {
        "files": (model, by_key, hashing.Config()),
        "files-certificate": (model, by_certificate, hashing.Config()),
        "files-blake2": (model, by_key, hashing.Config().use_file_serialization(hashing_algorithm="blake2")),
        "shards": (model, by_key, hashing.Config().use_shard_serialization(shard_size=1000)),
        "ignored": (
            model,
            by_key,
            hashing.Config().set_ignored_paths(paths=[_in(model, "a"), _in(model, "notes.txt")]),
        ),
        "file": (model / "a" / "b.bin", by_key, hashing.Config()),
    }
    if RELEASE.startswith("1.1"):
        cases["files-blake3"] = (model, by_key, hashing.Config().use_file_serialization(hashing_algorithm="blake3"))
    if RELEASE.startswith("0.3"):
        del cases["files-certificate"]  # it can't: a misspelt keyword
    for name, (path, signer, config) in cases.items():
        # Made as it stands, a configuration fetches the public Sigstore's trust root, which nothing here needs.
        blank = object.__new__(signing.Config)
        signer(blank).set_hashing_config(config).sign(path, out / f"{RELEASE}-{name}.sig")


def _in(model: Path, name: str) -> Path:
    """Return an ignored path as the release wants it: 1.1 takes it from the model, earlier ones as it stands."""
    return Path(name) if RELEASE.startswith("1.1") else model / name


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    (folder / "signatures").mkdir(exist_ok=True)
    (sign_0_2 if RELEASE.startswith("0.2") else sign)(folder / "model", folder / "keys", folder / "signatures")
