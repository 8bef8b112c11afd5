"""Lineage as text, JSON, DOT, Mermaid and SVG: all of it there, none of it a stranger's to bend."""

from __future__ import annotations

import json
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from lineage_samples import bom, dependency, digest_of, provenance, rejected, verified

from attest.verified import RejectionKind
from dbom.model import Kind
from lineage.build import build_graph
from lineage.document import answer_document, paths_document
from lineage.graph import EdgeStatus, LineageGraph, Named, Node
from lineage.notation import dot_of, mermaid_of
from lineage.outline import outline_of_answer, outline_of_paths
from lineage.query import ancestors, descendants, paths
from lineage.style import DASHES, MEANING, PICTURE_STYLE
from lineage.svg import MAX_BOXES, picture_of

GOLDEN = Path(__file__).parent.parent / "golden" / "lineage"
HOSTILE = '"><script>alert(1)</script> \\N `x` \x1b[2J\u202e]]>&amp;'
MODEL = digest_of("model")

SAMPLE = build_graph(
    [
        verified(provenance("model", dependency("clean", relation="trained-on", kind=Kind.TREE), dependency("code"))),
        verified(provenance("clean", dependency("raw"), kind=Kind.TREE)),
        verified(provenance("raw")),
        verified(bom("model", base="base", base_digest=False)),
        rejected(provenance("code", dependency("raw"))),
        rejected(provenance("raw", dependency(HOSTILE.replace("\x1b", ""))), RejectionKind.BROKEN),
    ]
)


def golden(name: str, text: str) -> None:
    """Compare with a whole document; DBOM_GOLDEN_UPDATE=1 writes it anew, on purpose."""
    path = GOLDEN / name
    if os.environ.get("DBOM_GOLDEN_UPDATE"):
        path.write_text(text, encoding="utf-8")
    assert path.read_text(encoding="utf-8") == text


def test_the_text_tree_shows_shared_nodes_once() -> None:
    text = outline_of_answer(ancestors(SAMPLE, MODEL))
    golden("ancestors.txt", text)
    assert 1 == text.count("no inputs declared")
    assert 1 == text.count("(shown elsewhere)")


def test_the_other_documents_are_what_they_were() -> None:
    answer = ancestors(SAMPLE, MODEL)
    golden("ancestors.dot", dot_of(answer.graph))
    golden("ancestors.mmd", mermaid_of(answer.graph))
    golden("ancestors.json", json.dumps(answer_document(answer), indent=2, ensure_ascii=False))
    golden("ancestors.svg", picture_of(answer.graph, title="Ancestors of model", focus=MODEL).svg)
    found = paths(SAMPLE, MODEL, digest_of("raw"))
    golden("why.txt", outline_of_paths(found, SAMPLE))
    golden("why.json", json.dumps(paths_document(found, SAMPLE), indent=2, ensure_ascii=False))


def test_a_truncated_answer_says_so_in_words() -> None:
    assert "Truncated: there is more." in outline_of_answer(ancestors(SAMPLE, MODEL, limit=2))
    assert "Truncated: there are more." in outline_of_paths(paths(SAMPLE, MODEL, limit=1), SAMPLE)


def test_a_single_ancestor_is_one_ancestor() -> None:
    assert "1 descendant, 1 by verified edges alone" in outline_of_answer(
        descendants(SAMPLE, digest_of("clean", Kind.TREE))
    )


def test_a_chain_too_deep_for_the_page_goes_on_below() -> None:
    graph = build_graph([verified(provenance(f"n{i}", dependency(f"n{i + 1}"))) for i in range(100)])
    text = outline_of_answer(ancestors(graph, digest_of("n0")))
    assert "(goes on below)" in text
    assert 101 == len({line.split("sha256:")[1][:64] for line in text.splitlines() if "sha256:" in line})
    assert max(map(len, text.splitlines())) < 400


def test_circles_are_written_down_once() -> None:
    graph = build_graph([verified(provenance("a", dependency("b"))), verified(provenance("b", dependency("a")))])
    assert 1 == outline_of_answer(ancestors(graph, digest_of("a"))).count("└─ input [verified]  b")
    arrows_and_the_legends_sample = 3
    assert arrows_and_the_legends_sample == picture_of(graph).svg.count('<path class="ln"')


def parsed(svg: str) -> ET.Element:
    return ET.fromstring(svg)  # noqa: S314  our own picture


def test_a_hostile_name_is_text_in_every_language() -> None:
    graph = build_graph([verified(provenance(HOSTILE, dependency("data")))])
    svg = picture_of(graph).svg
    tags = {element.tag.rpartition("}")[2] for element in parsed(svg).iter()}
    assert tags <= {"svg", "title", "style", "rect", "defs", "marker", "path", "g", "text"}
    for text in (svg, mermaid_of(graph), dot_of(graph), outline_of_answer(ancestors(graph, digest_of(HOSTILE)))):
        assert "\u202e" not in text
        assert "\x1b" not in text
    assert "<script" not in svg + mermaid_of(graph)
    assert '\\"><script' in dot_of(graph)
    assert "\\\\\\\\N" in dot_of(graph)


def test_an_entity_in_a_name_stays_a_name_in_dot() -> None:
    """Graphviz resolves HTML's entities: `&lt;b&gt;` was drawn as the name `<b>`."""
    drawn = dot_of(build_graph([verified(provenance("&lt;b&gt;"))]))
    assert '[label="&amp;lt;b&amp;gt;\\nsha256:' in drawn


def test_the_line_below_the_title_ends_with_the_picture() -> None:
    picture = picture_of(SAMPLE, title="T", subtitle="s" * 3000)
    line = picture.svg.partition('<text class="sub"')[2].partition(">")[2].partition("<")[0]
    assert line.endswith("s…")
    assert 100 < len(line) * 6 < picture.width


def test_the_picture_is_self_contained_and_says_what_its_lines_mean() -> None:
    svg = picture_of(SAMPLE, title="Lineage").svg
    assert parsed(svg) is not None
    for forbidden in ("<script", "href", "url(http", "@import", "<image", "<foreignObject", " style=", " onload="):
        assert forbidden not in svg, forbidden
    for status in (EdgeStatus.VERIFIED, EdgeStatus.UNTRUSTED, EdgeStatus.INVALID, EdgeStatus.MISSING):
        assert MEANING[status] in svg
    assert MEANING[EdgeStatus.REVOKED] not in svg
    assert "Arrows run from a parent to what came from it." in svg


def test_each_status_has_a_line_and_a_colour_of_its_own() -> None:
    assert len(EdgeStatus) == len(set(DASHES.values())) == len(MEANING)
    for status in EdgeStatus:
        assert f"--lg-{status}:" in PICTURE_STYLE


def test_an_embedded_picture_leaves_style_to_its_page_and_links_its_boxes() -> None:
    picture = picture_of(SAMPLE, embedded=True, links={MODEL: "#a-1"})
    assert "<style" not in picture.svg
    assert 1 == picture.svg.count('<a href="#a-1">')


def test_a_huge_graph_is_drawn_in_part_and_says_how_much_is_left_out() -> None:
    nodes = [Node(digest_of(str(number))) for number in range(MAX_BOXES + 20)]
    graph = LineageGraph.of(nodes, [])
    picture = picture_of(graph, focus=nodes[-1].key)
    assert (20, MAX_BOXES) == (picture.left_out, picture.svg.count('class="unattested'))
    assert 1 == picture.svg.count("unattested focus")


def test_too_many_arrows_are_left_out_and_counted() -> None:
    names = [f"n{number}" for number in range(50)]
    statements = [
        verified(provenance(name, *(dependency(other) for other in names[:index]))) for index, name in enumerate(names)
    ]
    assert 50 * 49 // 2 - 1000 == picture_of(build_graph(statements)).left_out


@pytest.mark.parametrize("name", ["x" * 300, "数" * 100, ""])
def test_names_of_any_length_fit_their_box(name: str) -> None:
    svg = picture_of(LineageGraph.of([Node(Named(name)), Node(MODEL, names=(name,))], [])).svg
    assert parsed(svg) is not None
    shown = [element.text or "" for element in parsed(svg).iter() if element.get("class") == "name"]
    assert all(0 < len(text) < 45 for text in shown)
