"""What a rule is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that dbom may find wrong.

    `id` is `DBOM-nnn`; `title` a few words; `explanation` what is wrong and why it matters, in sentences for somebody
    who meets it for the first time; `hint` the one thing to do about it, in one line.
    """

    id: str
    title: str
    explanation: str
    hint: str
