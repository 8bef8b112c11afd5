"""An artifact is described by what its files say and by what its producer adds; nothing is invented."""

from __future__ import annotations

import dataclasses
import json
import os
import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from dbom.bom import Bom, describing, lint, looking, matches
from dbom.bom.facts import ArtifactType, Parent
from dbom.bom.generating import Description, Options, describe_path, generate_bom
from dbom.bom.parents import read_parent
from dbom.bom.reading import member
from dbom.bom.summary import bom_summary
from dbom.content import tables
from dbom.errors import ChangedError, DocumentError, PathError, UsageError
from dbom.model import Basis, Derivation, Digest, Kind, Known, Relation, Unknown
from dbom.tree import fingerprint_path

if TYPE_CHECKING:
    from pathlib import Path

CSV = b"city,people\nUlm,126000\nTrier,111000\n"
CARD = (
    b"---\nlicense: apache-2.0\nbase_model: org/base\ndatasets: [squad]\ntags: [tiny]\nlanguage: en\n"
    b"library_name: l\n---\n"
)


def safetensors(**shapes: list[int]) -> bytes:
    header: dict[str, Any] = {}
    position = 0
    for name, shape in shapes.items():
        end = position + 4 * shape[0]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [position, end]}
        position = end
    data = json.dumps(header).encode()
    return len(data).to_bytes(8, "little") + data + bytes(position)


def tree(root: Path, **files: bytes) -> Path:
    root.mkdir(exist_ok=True)
    for name, data in files.items():
        (root / name.replace("__", ".")).write_bytes(data)
    return root


def model(root: Path, **files: bytes) -> Path:
    config = b'{"architectures": ["TinyModel"], "model_type": "tiny"}'
    return tree(
        root / "m", **{"model__safetensors": safetensors(w=[3]), "config__json": config, "README__md": CARD, **files}
    )


def described(path: Path, options: Options | None = None, at: datetime | None = None) -> Description:
    return describe_path(path, fingerprint_path(path), options, timestamp=at)


def bom_of(path: Path, options: Options | None = None, at: datetime | None = None) -> Bom:
    return described(path, options, at).bom


def property_values(value: dict[str, Any], name: str) -> list[str]:
    return [item["value"] for item in value.get("properties", []) if item["name"] == name]


@pytest.mark.parametrize("spec_version", ["1.6", "1.7"])
def test_a_model_folder_says_what_is_known_and_how(tmp_path: Path, spec_version: str) -> None:
    path = model(tmp_path)
    bom = bom_of(path, Options(spec_version=spec_version, version="2", supplier="Us"))
    assert bom.spec_version == spec_version
    assert matches(bom, fingerprint_path(path).digest)
    assert (bom.name, bom.version, bom.kind_word) == ("m", "2", "model")
    assert (bom.licenses, bom.licenses_known) == (("Apache-2.0",), Known(Basis.DECLARED, "card README.md"))
    none, card = Unknown("no SHA-256 is stated"), Known(Basis.DECLARED, "card README.md")
    assert bom.derivations == (
        Derivation(Relation.TRAINED_ON, "squad", none, card),
        Derivation(Relation.DERIVED_FROM, "org/base", none, card),
    )
    component: Any = bom.component
    assert component["modelCard"]["modelParameters"] == {
        "modelArchitecture": "TinyModel", "datasets": [{"ref": "trained-on/name:squad"}],
    }  # fmt: skip
    assert property_values(component["modelCard"], "dbom:parameters:F32") == ["3"]
    assert [item["name"] for item in component["components"]] == ["README.md", "config.json", "model.safetensors"]
    assert component["supplier"] == {"name": "Us"}
    assert component["tags"] == ["tiny"]
    assert property_values(component, "dbom:card:library") == ["l"]
    assert lint(bom.document) == ()
    assert Bom.parse(bom.to_json(), where="again") == bom
    assert Bom.parse(bom.to_json_line(), where="again") == bom


def test_a_table_gives_rows_and_columns_and_no_value(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(CSV)
    bom = bom_of(tmp_path / "t.csv")
    component: Any = bom.component
    assert (bom.kind_word, component["mime-type"]) == ("dataset", "text/csv")
    contents = component["data"][0]["contents"]
    assert [(item["name"], item["value"]) for item in contents["properties"]] == [
        ("dbom:table:format", "csv"),
        ("dbom:table:rows", "2"),
        ("dbom:table:columns", "2"),
        ("dbom:table:types", "inferred"),
        ("dbom:table:column:city", "string"),
        ("dbom:table:column:people", "int64"),
    ]
    assert b"Ulm" not in bom.to_json()
    assert b"126000" not in bom.to_json()
    assert bom.licenses == Unknown("the BOM states no licence")
    assert bom.derivations == ()


def test_the_same_input_gives_the_same_bytes_and_other_input_another_serial(tmp_path: Path) -> None:
    path = model(tmp_path)
    first, second = bom_of(path), bom_of(path)
    assert first.to_json() == second.to_json()
    assert b"timestamp" not in first.to_json()
    dated = bom_of(path, at=datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC))
    assert b'"2024-01-02T03:04:05Z"' in dated.to_json()
    assert dated.document["serialNumber"] != first.document["serialNumber"]
    assert str(first.document["serialNumber"])[23] == "8"


def test_given_words_go_before_the_cards(tmp_path: Path) -> None:
    bom = bom_of(model(tmp_path), Options(name="N", licenses=("mit", "My terms")))
    assert bom.name == "N"
    assert (bom.licenses, bom.licenses_known) == (("MIT", "My terms"), Known(Basis.DECLARED, "given"))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("apache-2.0", ("Apache-2.0",)),
        ("MIT OR Apache-2.0", ("MIT OR Apache-2.0",)),
        ("mine OR yours", ("mine OR yours",)),
        ("bsd", ("bsd",)),
        ("llama2", ("llama2",)),
    ],
)
def test_licences_are_never_guessed(tmp_path: Path, given: str, expected: tuple[str, ...]) -> None:
    bom = bom_of(model(tmp_path), Options(licenses=(given,)))
    assert bom.licenses == expected
    stated: Any = bom.component["licenses"]
    is_spdx = "expression" in stated[0] or "id" in stated[0]["license"]
    assert is_spdx == (given in ("apache-2.0", "MIT OR Apache-2.0"))


def test_one_licence_given_twice_is_one_and_an_empty_one_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path)
    assert described(path, Options(licenses=("MIT", "mit"))).bom.licenses == ("MIT",)
    with pytest.raises(UsageError, match="an empty licence"):
        described(path, Options(licenses=("MIT", " ")))


def test_nothing_is_described_as_coming_from_itself(tmp_path: Path) -> None:
    path = model(tmp_path)
    itself = read_parent(str(path), Relation.DERIVED_FROM)
    with pytest.raises(UsageError, match="doesn't come from itself"):
        described(path, Options(parents=(itself,)))


def test_an_early_time_is_written_as_the_schema_wants_it(tmp_path: Path) -> None:
    bom = described(model(tmp_path), at=datetime(1, 2, 3, tzinfo=UTC)).bom
    assert member(bom.document, "metadata", "timestamp") == "0001-02-03T00:00:00Z"


def test_an_expression_beside_another_licence_is_a_name(tmp_path: Path) -> None:
    bom = bom_of(model(tmp_path), Options(licenses=("MIT OR ISC", "MIT")))
    assert bom.licenses == ("MIT OR ISC", "MIT")


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("license: other\nlicense_name: own\nlicense_link: https://example.org/own", ("own",)),
        ("license: other\nlicense_name: own\nlicense_link: LICENSE", ("own",)),
        ("license: other", ("other",)),
        ("license: [mit, cc-by-4.0]", ("MIT", "CC-BY-4.0")),
        ("license: unknown", Unknown("the BOM states no licence")),
        ("tags: [a]", Unknown("the BOM states no licence")),
    ],
)
def test_the_cards_licence_is_taken_as_it_is_written(tmp_path: Path, front: str, expected: object) -> None:
    assert bom_of(model(tmp_path, README__md=f"---\n{front}\n---\n".encode())).licenses == expected


def test_every_relation_is_read_back(tmp_path: Path) -> None:
    path = model(tmp_path, README__md=b"none")
    parents = tuple(
        Parent(Derivation(relation, f"p {relation}", Digest(kind, digits * 32), Known(Basis.COMPUTED)))
        for relation in Relation
        for kind, digits in ((Kind.FILE, "ab"), (Kind.TREE, "ab"), (Kind.FILE, "cd"))
    )
    bom = bom_of(path, Options(parents=parents))
    assert set(bom.derivations) == {parent.derivation for parent in parents}
    assert len(bom.derivations) == len(parents)
    dependencies: Any = bom.document["dependencies"]
    assert len(dependencies[0]["dependsOn"]) == len(parents)
    compositions: Any = bom.document["compositions"]
    assert {item["aggregate"] for item in compositions if "dependencies" in item} == {"incomplete"}


def test_a_given_parent_stands_for_the_cards_and_never_the_other_way(tmp_path: Path) -> None:
    digest = Digest(Kind.FILE, "ab" * 32)
    given = Parent(Derivation(Relation.TRAINED_ON, "squad", digest, Known(Basis.COMPUTED)))
    bom = bom_of(
        model(tmp_path, README__md=f"---\ndatasets: ['{digest}', squad]\n---\n".encode()), Options(parents=(given,))
    )
    assert {(item.name, item.parent) for item in bom.derivations} == {
        ("squad", digest),
        (str(digest), Unknown("no SHA-256 is stated")),
    }


def test_only_a_model_is_trained(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(CSV)
    parent = read_parent(str(tmp_path / "t.csv"), Relation.TRAINED_ON)
    with pytest.raises(UsageError, match="only a model is trained-on something"):
        bom_of(tmp_path / "t.csv", Options(parents=(parent,)))


def test_a_datasets_card_declares_what_it_came_from(tmp_path: Path) -> None:
    path = tree(tmp_path / "d", t__csv=CSV, README__md=b"---\nsource_datasets: [squad]\ndatasets: [other-set]\n---\n")
    bom = bom_of(path)
    assert bom.kind_word == "dataset"
    assert [(str(item.relation), item.name) for item in bom.derivations] == [
        ("derived-from", "other-set"),
        ("derived-from", "squad"),
    ]


def test_an_adapter_names_its_base(tmp_path: Path) -> None:
    path = model(tmp_path, README__md=b"x", adapter_config__json=b'{"base_model_name_or_path": "org/base"}')
    assert bom_of(path).derivations == (
        Derivation(
            Relation.ADAPTER_OF,
            "org/base",
            Unknown("no SHA-256 is stated"),
            Known(Basis.DECLARED, "adapter_config.json"),
        ),
    )


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"a__txt": b"GGUF\x03\0\0\0"}, "model"),
        ({"a__csv": b"\x08\x08\x12\x07pytorch\x1a"}, "model"),
        ({"w__bin": pickle.dumps([1]), "config__json": b'{"architectures": ["A"]}'}, "model"),
        ({"a__safetensors": CSV}, "dataset"),
        ({"a__bin": b"\x89PNG\r\n\x1a\n"}, "dataset"),
        ({"a__pkl": b"some text\n"}, "dataset"),
        ({"a__json": b'[{"a": 1}]'}, "dataset"),
        ({"a__csv": CSV, "config__json": b'{"rows": 1}'}, "dataset"),
        ({"a__csv": pickle.dumps([1])}, None),
        ({"a__csv": CSV, "b__csv": pickle.dumps([1])}, None),
        ({"a__csv": CSV, "config__json": b'{"architectures": ["A"]}'}, None),
        ({"a__csv": b"\x00\x01\x02 garbage"}, None),
        ({"a__json": b'{"a": 1}'}, None),
        ({"a__csv": b""}, None),
        ({"README__md": b"a packed model", "w__tgz": b"\x1f\x8b\x08"}, None),
        ({"a__h5": b"\x89HDF\r\n\x1a\n"}, None),
    ],
)
def test_the_kind_is_told_by_content_and_never_by_extension(
    tmp_path: Path, files: dict[str, bytes], expected: str | None
) -> None:
    path = tree(tmp_path / "x", **files)
    if expected is not None:
        assert bom_of(path).kind_word == expected
        return
    with pytest.raises(UsageError, match="can't tell whether this is a dataset or a model") as caught:
        bom_of(path)
    assert caught.value.exit_code == 2
    assert "--as" in caught.value.hint
    assert bom_of(path, Options(type=ArtifactType.MODEL)).kind_word == "model"
    assert bom_of(path, Options(type=ArtifactType.DATASET)).kind_word == "dataset"


def test_a_pickle_is_named_and_never_loaded(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(tmp_path / "loaded"),))

    path = tree(tmp_path / "x", w__bin=pickle.dumps(Trap()))
    component: Any = bom_of(path, Options(type=ArtifactType.MODEL)).component
    assert property_values(component, "dbom:format:pickle") == ["1"]
    assert not (tmp_path / "loaded").exists()


def test_shards_are_summed_and_variants_are_not(tmp_path: Path) -> None:
    shards: Any = bom_of(tree(tmp_path / "s", a=safetensors(w=[3]), b=safetensors(v=[4]))).component
    assert property_values(shards["modelCard"], "dbom:parameters") == ["7"]
    assert property_values(shards["modelCard"], "dbom:weights:files") == ["2"]
    variants: Any = bom_of(tree(tmp_path / "v", a=safetensors(w=[3]), b=safetensors(w=[3]))).component
    assert variants["modelCard"] == {}


def test_malformed_weights_are_an_error(tmp_path: Path) -> None:
    path = tree(tmp_path / "x", a=safetensors(w=[3])[:-1])
    with pytest.raises(DocumentError, match="a: malformed safetensors"):
        bom_of(path)


@pytest.mark.parametrize(
    ("files", "place"),
    [
        ({"README__md": b"---\nlicense: mit\nlicense: gpl-3.0\n---\n"}, "README.md"),
        ({"config__json": b"{"}, "config.json"),
        ({"adapter_config__json": b"[]"}, "adapter_config.json"),
    ],
)
def test_a_malformed_card_is_a_finding_and_declares_nothing(
    tmp_path: Path, files: dict[str, bytes], place: str
) -> None:
    result = described(model(tmp_path, **files))
    assert [(finding.rule, finding.where) for finding in result.findings] == [("DBOM-209", place)]
    if place == "README.md":
        assert result.bom.licenses == Unknown("the BOM states no licence")
        assert result.bom.derivations == ()


def test_a_card_beyond_bounds_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MAX_CARD_BYTES", 10)
    assert {finding.where for finding in described(model(tmp_path)).findings} == {"README.md", "config.json"}


def test_ragged_rows_are_a_finding_and_quote_nothing(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"a,b\n1,2\nsecret,3,4\n")
    result = described(tmp_path / "t.csv")
    assert [(finding.rule, finding.where) for finding in result.findings] == [("DBOM-210", "t.csv")]
    assert "secret" not in result.findings[0].message
    assert result.bom.component["data"] == [{"type": "dataset", "name": "t.csv"}]


def test_of_a_tree_that_was_not_seen_whole_no_kind_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MAX_LOOKED_AT", 1)
    path = tree(tmp_path / "d", a__csv=CSV, w__safetensors=safetensors(w=[3]))
    with pytest.raises(UsageError, match="more than were looked at"):
        bom_of(path)


def test_tables_beyond_bounds_are_findings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MAX_TABLES", 1)
    result = described(tree(tmp_path / "d", a__csv=CSV, b__csv=CSV, c__txt=b"prose"))
    assert [(finding.where, finding.message) for finding in result.findings] == [
        ("b.csv", "not read: only 1 tables are")
    ]
    monkeypatch.setattr(tables, "MAX_JSON_BYTES", 3)
    result = described(tree(tmp_path / "e", a__json=b'[{"a": 1}]'), Options(type=ArtifactType.DATASET))
    assert [finding.message for finding in result.findings] == ["larger than 3 bytes"]


def test_rows_that_nobody_can_count_are_unknown(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"Ann,34\nBob,35\n")
    bom = bom_of(tmp_path / "t.csv")
    assert b"dbom:table:rows:unknown" in bom.to_json()
    assert b"Ann" not in bom.to_json()
    assert "table t.csv: unknown rows, 2 columns" in bom_summary(bom)


def test_a_large_tree_is_named_by_its_digest_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(describing, "MAX_LISTED_FILES", 2)
    monkeypatch.setattr(looking, "MAX_LOOKED_AT", 2)
    path = model(tmp_path)
    (path / "b.safetensors").write_bytes(safetensors(v=[3]))
    bom = bom_of(path, Options(type=ArtifactType.MODEL))
    assert "components" not in bom.component
    assert b"dbom:parameters" not in bom.to_json()
    assert property_values(dict(bom.component), "dbom:files:looked-at") == ["2"]
    assert b'"aggregate": "incomplete",\n      "assemblies"' in bom.to_json()


@pytest.mark.parametrize("name", ["README.md", "model.safetensors"])
def test_files_that_changed_since_they_were_read_are_refused(tmp_path: Path, name: str) -> None:
    path = model(tmp_path)
    fingerprint = fingerprint_path(path)
    (path / name).write_bytes((path / name).read_bytes()[:-1] + (b"xy" if name.endswith("s") else b"x"))
    with pytest.raises(ChangedError, match="has changed since it was read"):
        generate_bom(path, fingerprint)


@pytest.mark.parametrize("name", ["README.md", "model.safetensors"])
def test_files_that_are_gone_are_an_error(tmp_path: Path, name: str) -> None:
    path = model(tmp_path)
    fingerprint = fingerprint_path(path)
    (path / name).unlink()
    with pytest.raises(PathError, match="can't be read"):
        generate_bom(path, fingerprint)


def test_a_card_that_is_gone_behind_a_seen_file_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "MAX_LOOKED_AT", 0)
    path = model(tmp_path)
    fingerprint = fingerprint_path(path)
    (path / "README.md").unlink()
    with pytest.raises(PathError, match="can't be read"):
        generate_bom(path, fingerprint, Options(type=ArtifactType.MODEL))


def test_files_known_by_anothers_word_say_so(tmp_path: Path) -> None:
    path = model(tmp_path)
    found = fingerprint_path(path)
    attested = Known(Basis.STORE_ATTESTED, "bucket")
    entries = tuple(dataclasses.replace(entry, known=attested) for entry in found.entries)
    component: Any = generate_bom(path, dataclasses.replace(found, entries=entries)).component
    assert property_values(component, "dbom:known") == ["store-attested"]
    assert property_values(component["components"][0], "dbom:known:by") == ["bucket"]


def test_a_cards_task_is_the_models(tmp_path: Path) -> None:
    component: Any = bom_of(model(tmp_path, README__md=b"---\npipeline_tag: fill-mask\n---\n")).component
    assert component["modelCard"]["modelParameters"]["task"] == "fill-mask"


def test_an_unknown_spec_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected 1\.6 or 1\.7"):
        bom_of(model(tmp_path), Options(spec_version="1.4"))


def test_a_parent_is_read_from_a_path_a_bom_or_a_sidecar(tmp_path: Path) -> None:
    path = tree(tmp_path / "d", t__csv=CSV)
    digest = fingerprint_path(path).digest
    plain = read_parent(str(path), Relation.TRAINED_ON)
    assert plain == Parent(Derivation(Relation.TRAINED_ON, "d", digest, Known(Basis.COMPUTED)))
    bom = bom_of(path, Options(name="Cities", version="3"))
    (tmp_path / "d.cdx.json").write_bytes(bom.to_json())
    by_bom = read_parent(str(tmp_path / "d.cdx.json"), Relation.TRAINED_ON)
    assert (by_bom.derivation.name, by_bom.derivation.parent, by_bom.version, by_bom.kind_word) == (
        "Cities", digest, "3", "dataset",
    )  # fmt: skip
    assert by_bom.derivation.known.basis is Basis.DECLARED
    assert by_bom.derivation.known.by.startswith("BOM sha256:")
    assert by_bom.bom_link.startswith("urn:cdx:")
    tree(tmp_path / "d.dbom").joinpath("bom.cdx.json").write_bytes(bom.to_json())
    by_sidecar = read_parent(str(path), Relation.TRAINED_ON)
    assert by_sidecar.derivation == Derivation(Relation.TRAINED_ON, "Cities", digest, Known(Basis.COMPUTED))
    (path / "t.csv").write_bytes(CSV + b"Bonn,1\n")
    assert read_parent(str(path), Relation.TRAINED_ON).derivation.name == "d"
    (tmp_path / "d.dbom" / "bom.cdx.json").write_bytes(b"{}")
    assert read_parent(str(path), Relation.TRAINED_ON).derivation.name == "d"
    written = bom_of(model(tmp_path), Options(parents=(by_bom,)))
    assert by_bom.derivation in written.derivations
    assert by_bom.bom_link.encode() in written.to_json()


def test_a_malformed_parent_bom_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_bytes(b'{"bomFormat": "CycloneDX", "specVersion": "1.6", "version": "x"}')
    with pytest.raises(DocumentError, match="malformed BOM"):
        read_parent(str(tmp_path / "b.json"), Relation.INPUT)
    with pytest.raises(PathError):
        read_parent(str(tmp_path / "missing"), Relation.INPUT)


def test_a_summary_says_what_is_unknown(tmp_path: Path) -> None:
    lines = bom_summary(bom_of(model(tmp_path)))
    assert lines[0].startswith("m: model, tree:sha256:")
    assert lines[1:] == (
        "licence: Apache-2.0; declared (card README.md)",
        "parameters: 3 F32",
        "trained-on squad: digest unknown, no SHA-256 is stated; declared (card README.md)",
        "derived-from org/base: digest unknown, no SHA-256 is stated; declared (card README.md)",
    )
    empty = Bom.parse(b'{"bomFormat": "CycloneDX", "specVersion": "1.6"}', where="b")
    assert bom_summary(empty) == (
        ": data, unknown (the BOM describes no component)",
        "licence: unknown (the BOM states no licence)",
    )


def test_a_number_too_long_for_a_strangers_bom_is_left_out_of_the_summary(tmp_path: Path) -> None:
    bom = described(model(tmp_path)).bom
    document = json.loads(bom.to_json())
    document["metadata"]["component"]["modelCard"]["properties"] = [
        {"name": "dbom:parameters:F32", "value": "9" * 5000}
    ]
    assert not any("parameters" in line for line in bom_summary(Bom(document)))


def test_a_notebook_shows_a_bom_without_believing_its_markup(tmp_path: Path) -> None:
    html = bom_of(model(tmp_path), Options(name="<script>"))._repr_html_()
    assert "&lt;script&gt;: model" in html
    assert "<script>" not in html
