"""The pages, and what the template says to operators, are in plain words: short sentences, and no idioms."""

import re
from pathlib import Path
from typing import Final

import pytest

from tests.repository.test_documentation import PAGES, ROOT

# A sentence of more words has to be read twice.
MOST_WORDS: Final = 45
# Idioms, old words and riddles, each with what to write instead.
PLAINER: Final = {
    r"\banew\b": "again",
    r"\bin vain\b": "without success",
    r"\bput aside\b": "say where it goes",
    r"\bcut off\b": "dies, stops or is interrupted",
    r"\bhears? of\b": "gets a message about",
    r"\bis told\b|\bare told\b|\btells? (?:people|somebody|of)\b": "notify, or say",
    r"\blook(?:s|ed)? at by\b|\bis looked at\b": "read, compare or check",
    r"\bin hand\b": "is sending",
    r"\bfor whoever\b": "for",
    r"\bwhat is (?:none|no)\b": "name it",
    r"\bfor good\b": "no longer exists",
    r"\bmade up for\b": "does later",
    r"\bgoes? wrong\b": "fails",
    r"\bput right\b|\bmend(?:s|ed)?\b": "repair or correct",
    r"\bmarks? what\b|\bits mark\b": "label",
    r"\blets? (?:\w+ )?in\b(?! on)": "give access",
}


def prose(page: Path) -> list[str]:
    """Return the sentences of a page; code, tables, headings and links' addresses are left out."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "code", text))
    lines = (line for line in text.splitlines() if not line.startswith(("|", "#", "    ")))
    paragraphs = re.split(r"\n\s*\n|\n(?=\s*(?:[-*]|\d+\.) )", "\n".join(lines))
    return [
        sentence
        for part in paragraphs
        for sentence in re.split(r"(?<=[.!?:;])\s+(?=[\w«(*`\[])", " ".join(part.split()))
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_sentence_has_to_be_read_twice(page: Path) -> None:
    assert [sentence for sentence in prose(page) if len(sentence.split()) > MOST_WORDS] == []


@pytest.mark.parametrize("page", [*PAGES, ROOT / "template.yaml"], ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_a_riddle(page: Path) -> None:
    text = " ".join(re.sub(r"`[^`]*`|\"[^\"\n]*\"", "", page.read_text()).replace("# ", "").split())
    found = {
        pattern: text[max(0, hit.start() - 50) : hit.end() + 30]
        for pattern in PLAINER
        for hit in re.finditer(pattern, text)
    }

    assert {f"{PLAINER[pattern]}: {words}" for pattern, words in found.items()} == set()
