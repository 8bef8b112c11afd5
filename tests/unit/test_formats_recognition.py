"""A file's format is told by its bytes."""

from __future__ import annotations

import io
import pickle
import zipfile

import pytest

from dbom.formats.recognition import HEAD_BYTES, FileFormat, recognise, recognise_file


def told(data: bytes) -> FileFormat:
    return recognise_file(io.BytesIO(data), len(data))


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", FileFormat.EMPTY),
        (b"\x02\0\0\0\0\0\0\0{}", FileFormat.SAFETENSORS),
        (b"\xff\xff\xff\xff\xff\xff\xff\x7f{", FileFormat.ARROW_STREAM),
        (b'\x00\xff\xff\xff\xff\xff\xff\x7f{"a.weight": {"dty', FileFormat.SAFETENSORS),
        (b"abcdefgh{", FileFormat.TEXT),
        (b"GGUF\x03\0\0\0", FileFormat.GGUF),
        (b"\x08\x08\x12\x07pytorch\x1a", FileFormat.ONNX),
        (b"\x08\x08\x12\x07py\x00orch", FileFormat.UNKNOWN),
        (b"\x08\x08\x12\x50short", FileFormat.UNKNOWN),
        (b"\x08\x08\x13", FileFormat.UNKNOWN),
        (b"\x89HDF\r\n\x1a\n", FileFormat.HDF5),
        (b"\x93NUMPY\x01\x00", FileFormat.NUMPY),
        (b"PAR1....PAR1", FileFormat.PARQUET),
        (b"PAR1....", FileFormat.TEXT),
        (b"ARROW1\0\0", FileFormat.ARROW_FILE),
        (b"\x89PNG\r\n\x1a\n", FileFormat.IMAGE),
        (b"RIFF\0\0\0\0WEBP", FileFormat.IMAGE),
        (b"RIFF\0\0\0\0WAVE", FileFormat.AUDIO),
        (b"RIFF\0\0\0\0AVI ", FileFormat.UNKNOWN),
        (b"\x1f\x8b\x08", FileFormat.COMPRESSED),
        (zipped("a.txt"), FileFormat.ZIP),
        (zipped("archive/data.pkl", "archive/data/0"), FileFormat.OPAQUE_PICKLE),
        *((pickle.dumps({"a": [1, 2.5, "x"]}, protocol), FileFormat.OPAQUE_PICKLE) for protocol in range(6)),
        (b'  {"a": 1}', FileFormat.JSON),
        (b'\xef\xbb\xbf[{"a": 1}]', FileFormat.JSON),
        (b"[1, 2]", FileFormat.JSON),
        (b"[PAD]\n[UNK]\n", FileFormat.TEXT),
        (b"{not json", FileFormat.TEXT),
        ("a,b\n\u00e9,2\n".encode(), FileFormat.TEXT),
        ("a,b\n\u00e9,2\n".encode("latin-1"), FileFormat.UNKNOWN),
        (b"a\x00b", FileFormat.UNKNOWN),
        (bytes(range(256)), FileFormat.UNKNOWN),
    ],
)  # fmt: skip
def test_the_format_is_told_by_content(data: bytes, expected: FileFormat) -> None:
    assert expected == told(data)


@pytest.mark.parametrize("protocol", range(6))
def test_a_large_pickle_is_recognised_by_its_beginning(protocol: int) -> None:
    data = pickle.dumps([str(number) for number in range(30_000)], protocol)
    assert len(data) > HEAD_BYTES
    assert told(data) is FileFormat.OPAQUE_PICKLE


@pytest.mark.parametrize("shift", range(4))
def test_a_character_cut_by_the_window_is_still_text(shift: int) -> None:
    data = b"x" * shift + "\u20ac\U0001f600".encode() * HEAD_BYTES
    assert recognise(data[:HEAD_BYTES], data[-HEAD_BYTES:], len(data)) is FileFormat.TEXT


def test_only_weights_make_a_model_and_only_data_a_dataset() -> None:
    assert {found for found in FileFormat if found.holds_weights} == {
        FileFormat.SAFETENSORS, FileFormat.GGUF, FileFormat.ONNX,
    }  # fmt: skip
    assert not any(found.holds_data and found.holds_weights for found in FileFormat)
    assert not FileFormat.OPAQUE_PICKLE.holds_data


def test_random_bytes_with_a_brace_in_the_ninth_place_are_no_safetensors() -> None:
    """One random file in 256 has it; `sign` refused those as malformed."""
    assert told(bytes(range(200, 208)) + b"{" + bytes(range(128, 256))) is FileFormat.UNKNOWN


def test_a_safetensors_file_that_is_cut_off_is_still_one() -> None:
    """Its reader says what is wrong with it; a file that is nothing would be passed over."""
    assert told((5000).to_bytes(8, "little") + b'{"w"') is FileFormat.SAFETENSORS
