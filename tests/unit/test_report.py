"""`dbom.audit`: the report says everything once, and nothing that a stranger wrote is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from lineage_samples import ALICE, AT, bom, dependency, digest_of, provenance, rejected, verified

from attest.authority import Authority
from attest.identity import IdentityPattern
from attest.statement import Statement, Subject
from attest.verified import Rejection, RejectionKind, VerifiedStatement
from dbom.audit.document import report_document
from dbom.audit.page import page_of
from dbom.audit.report import Report, Result, make_report
from dbom.audit.style import PAGE_STYLE
from dbom.names import PREDICATE_REVOCATION
from lineage.reading import ReadBundle

HOSTILE = '"><img src=x onerror=alert(1)><script>alert(1)</script>\x1b[2J\u202e'
EXPECTED = (Authority("alice", (IdentityPattern.exact(ALICE.subject, ALICE.issuer),)),)


def read(result: VerifiedStatement | Rejection, *places: str) -> ReadBundle:
    return ReadBundle(result.bundle_sha256, places or (result.where,), result)


def revocation() -> Statement:
    return Statement.build(Subject.of("data", digest_of("data")), PREDICATE_REVOCATION, {})


BUNDLES = (
    read(verified(bom("model", base="base")), "store/one.sigstore.json", "store/two.sigstore.json"),
    read(verified(provenance("model", dependency("data")))),
    read(verified(revocation())),
    read(rejected(provenance(HOSTILE, dependency("data")))),
    read(rejected(provenance("x"), RejectionKind.UNDECIDED)),
    read(rejected(None, RejectionKind.BROKEN)),
    ReadBundle(
        "",
        ("store/p.sigstore.json",),
        Rejection(RejectionKind.UNDECIDED, "DBOM-115", "pipe", "", "store/p.sigstore.json"),
    ),
)


def report(bundles: tuple[ReadBundle, ...] = BUNDLES, authorities: tuple[Authority, ...] = EXPECTED) -> Report:
    return make_report(bundles, stores=["store"], authorities=authorities, at=AT, version="1.2.3")


class Reader(HTMLParser):
    """Collects what a browser would see as tags and attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the tag."""
        self.tags.append((tag, dict(attrs)))

    def values(self, attribute: str) -> list[str]:
        """Return every value of an attribute."""
        return [value for _, attrs in self.tags if (value := attrs.get(attribute)) is not None]


def test_every_bundle_and_every_place_stands_on_the_page_once() -> None:
    reader = Reader(page_of(report()))
    assert sorted(bundle.sha256 for bundle in BUNDLES) == sorted(reader.values("data-bundle"))
    assert sorted(place for bundle in BUNDLES for place in bundle.places) == sorted(reader.values("data-place"))


def test_every_artifact_stands_on_the_page_once() -> None:
    made = report()
    ids = Reader(page_of(made)).values("data-artifact")
    assert sorted(str(node.key) for node in made.graph.nodes) == sorted(ids)
    assert {str(digest_of(name)) for name in ("model", "base", "data", HOSTILE, "x")} == set(ids)


def test_the_json_holds_the_same_once_each() -> None:
    made = report_document(report())
    bundles, artifacts = made["bundles"], made["artifacts"]
    assert isinstance(bundles, list)
    assert isinstance(artifacts, list)
    assert [bundle.sha256 or None for bundle in BUNDLES] == [
        each["sha256"] for each in bundles if isinstance(each, dict)
    ]
    assert 5 == len({each["id"] for each in artifacts if isinstance(each, dict)}) == len(artifacts)
    assert {
        "bundles": 7,
        "verified": 3,
        "untrusted": 1,
        "undecided": 2,
        "broken": 1,
        "artifacts": 5,
        "artifactsWithVerifiedEvidence": 1,
    } == made["summary"]


def test_nothing_in_a_bundle_becomes_markup() -> None:
    page = page_of(report())
    tags = {tag for tag, _ in Reader(page).tags}
    assert not tags & {"script", "img", "iframe", "object", "embed", "link", "form", "base"}
    attributes = {name for _, attrs in Reader(page).tags for name in attrs}
    assert not [name for name in attributes if name.startswith("on") or name == "style"]
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_the_page_needs_nothing_from_outside() -> None:
    page = page_of(report())
    assert not re.search(r"""(?:src|href)=["'](?!#)""", page)
    assert not re.search(r"url\((?!#)|@import", page)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].startswith("default-src 'none'; style-src 'sha256-")


def test_links_lead_to_rows_that_are_there_and_ids_are_unique() -> None:
    reader = Reader(page_of(report()))
    ids = reader.values("id")
    assert len(ids) == len(set(ids))
    assert {value.removeprefix("#") for value in reader.values("href")} <= set(ids)


def test_the_same_input_gives_the_same_page() -> None:
    assert page_of(report()) == page_of(report())


def test_who_signed_why_not_and_when_stand_there() -> None:
    page = page_of(report())
    for words in (
        "alice@example.org",
        "because it is broken",
        "DBOM-306",
        "2026-01-02T03:04:05Z",
        "3 of 7 bundles were signed by an expected signer",
        "4 were not verified",
        "No bytes of any artifact were read",
        "1 revocation statement is listed",
    ):
        assert words in page, words
    assert not re.search(r"\b(safe|compliant)\b", page, re.IGNORECASE)


def test_where_nobody_was_expected_the_first_line_says_that_nothing_could_be_verified() -> None:
    bundles = (read(rejected(provenance("model"))),)
    made = report(bundles, ())
    page = page_of(made)
    assert "Nobody was expected to have signed" in page
    assert (0, 1) == (made.count(Result.VERIFIED), made.count(Result.UNTRUSTED))


def test_where_all_are_verified_it_says_so_and_lists_no_others() -> None:
    page = page_of(report(BUNDLES[1:2]))
    assert "The one bundle here was signed by an expected signer." in page
    assert "Not verified (0)" in page


@pytest.mark.parametrize("count", [21])
def test_a_statement_about_very_many_things_names_the_first_and_counts_the_rest(count: int) -> None:
    subjects = (*(Subject(f"s{number}", digest_of(str(number))) for number in range(count)), Subject("none", None))
    one = provenance("s")
    page = page_of(report((read(verified(Statement(subjects, one.predicate_type, one.predicate, b"x"))),)))
    assert "and 2 more" in page
    assert count == len(Reader(page).values("data-artifact"))


def test_parents_and_children_are_counted_as_artifacts_and_not_as_edges() -> None:
    """One parent that two statements name, verified and not, is one artifact, and verified."""
    told = (
        read(verified(provenance("model", dependency("data")))),
        read(verified(bom("model", base="data"))),
        read(rejected(provenance("model", dependency("data"), dependency("other")))),
    )
    page = page_of(report(told))
    row = page[page.index(f'data-artifact="{digest_of("model")}"') :]
    cells = re.findall("<td>(.*?)</td>", row[: row.index("</tr>")])
    assert "1 verified, 1 not" == cells[2]


@pytest.mark.parametrize(
    ("bundles", "words"),
    [
        (BUNDLES[:1], "The one bundle here was signed by an expected signer."),
        (BUNDLES[:2], "All of the 2 bundles here were signed by an expected signer."),
    ],
)
def test_one_bundle_is_no_bundles(bundles: tuple[ReadBundle, ...], words: str) -> None:
    assert words in page_of(report(bundles))
    assert "1 bundles" not in page_of(report(bundles))


def test_the_column_of_names_keeps_its_width() -> None:
    """A later rule for all cells took it back, and names stood one letter a line in a narrow window."""
    everywhere = PAGE_STYLE.partition("@media (max-width")[0]
    widths = re.findall(r"(?:^|[},])tbody th\{[^}]*min-width:(\d+)px", everywhere)
    assert ["230"] == widths
