"""Licence expressions are judged as SPDX means them, and what isn't one is unknown."""

from __future__ import annotations

import pytest

from admission.spdx import accepts, is_expression
from dbom.model import Unknown

YES, NO, UNKNOWN = True, False, None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MIT", YES),
        ("mit", YES),
        ("X", NO),
        ("MIT OR X", YES),
        ("MIT AND X", NO),
        ("(MIT OR X) AND Apache-2.0", YES),
        ("(MIT AND X) OR Apache-2.0", YES),
        ("mit or x", YES),
        ("MIT WITH Y", YES),
        ("GPL-3.0-only OR X", NO),
        ("GPL-3.0-only WITH Y", NO),
        ("GPL-3.0-only+", NO),
        ("NOASSERTION", UNKNOWN),
        ("NOASSERTION OR MIT", YES),
        ("NOASSERTION AND X", NO),
        ("", UNKNOWN),
        ("MIT MIT", UNKNOWN),
        ("MIT OR", UNKNOWN),
        ("(MIT", UNKNOWN),
        ("MIT)", UNKNOWN),
        ("MIT, or so", UNKNOWN),
        ("OR", UNKNOWN),
        ("(" * 400 + "MIT" + ")" * 90, UNKNOWN),
        (" OR ".join(["MIT"] * 400), UNKNOWN),
    ],
)
def test_expressions(expression: str, expected: bool | None) -> None:  # noqa: FBT001  the answer itself
    answer = accepts(expression, allow=["MIT", "Apache-2.0"], deny=["GPL-3.0-only"])
    assert (None if isinstance(answer, Unknown) else answer) is expected


@pytest.mark.parametrize(
    ("expression", "denied", "expected"),
    [
        ("MIT", "GPL-3.0-only", YES),
        ("mit", "GPL-3.0-only", YES),
        ("Apache-2.0+", "GPL-3.0-only", YES),
        ("LicenseRef-Ours", "GPL-3.0-only", YES),
        ("GPLv3", "GPL-3.0-only", UNKNOWN),
        ("Proprietary", "GPL-3.0-only", UNKNOWN),
        ("GPL-3.0", "GPL-3.0-only", NO),
        ("GPL-3.0-only", "GPL-3.0", NO),
        ("AGPL-3.0+", "AGPL-3.0-or-later", NO),
        ("GPL-2.0 WITH Classpath-exception-2.0", "GPL-2.0-only", NO),
        ("Proprietary OR MIT", "GPL-3.0-only", YES),
    ],
)
def test_where_nothing_is_allowed_by_name_only_known_licences_pass(
    *, expression: str, denied: str, expected: bool | None
) -> None:
    answer = accepts(expression, allow=[], deny=[denied])
    assert (None if isinstance(answer, Unknown) else answer) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("MIT", True), ("X WITH Y", True), ("X OR Y", False), ("", False), ("a b", False), ("!", False)],
)
def test_a_list_holds_single_licences(*, text: str, expected: bool) -> None:
    assert is_expression(text) is expected
