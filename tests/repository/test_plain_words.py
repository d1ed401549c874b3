"""Pages, the template's comments, the code's docstrings and comments, and the names of tests are in plain words."""

import ast
import io
import re
import tokenize
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
# Beside those, in code.
PLAINER_IN_CODE: Final = PLAINER | {
    r"\bg(?:oes|o|oing) on\b": "runs, continues, or has not ended",
    r"\bwhoever\b": "name the user, the caller or the program",
    r"\bmisbehaves?\b|\bfor ever\b|\bcut short\b": "say what happens: fails, never ends, is interrupted",
    r"^(?:Have|Know|Be|Give) ": "say what the function does: create, return, load",
    r"\b(?:listen|read|take|send|receive|poll|look)s? no more\b": "stop",
    r"\bwhile it is entered\b": "during its `with` block",
}
# Beside those, in the service itself.
PLAINER_IN_SERVICE: Final = PLAINER_IN_CODE | {
    r"\bTells? (?:whether|how|why|by|that|what)\b": "return whether, how or why",
    r"\bhow \w+ stands?\b": "its state",
    r"\ba (?:glance|look) at\b": "a check, a comparison or a pass",
    r"\bof which nothing\b|\bas good as\b": "say what it is, such as settled",
    r"\bbefore marks\b": "from before the deployment label",
}
# How a comment or a docstring that says no subject begins: its reader has to search the code for what it is about.
NO_SUBJECT: Final = re.compile(r"(?:What|Whose|Whoever|Who|Of|Those|They|So (?:much|many))\b")
# Words in the name of a test from which a reader cannot tell what is done and what somebody notices.
RIDDLES_IN_NAMES: Final = {
    r"^(?:so|and|is|are|does|of|what|who|whoever)_": "begin with the subject",
    r"^(?:it|they)_(?:is|does|did|are|has|have)$|_(?:may_be|may_not_be)$|_(?:is|are)_(?:one|none)$": "say what happens",
    r"_goes?_on(?:_|$)": "continues, runs, or is open",
    r"_(?:is|are)_told(?:_|$)|_tells?(?:_|$)|_hears?(?:_|$)": "is notified, is reported, says or has",
    r"_(?:anew|for_ever|in_vain|whoever)(?:_|$)": "again, never ends, without success, or name the user",
}
# Names of parameters that say nothing: a caller has to read the function to learn what to pass.
EMPTY_NAMES: Final = frozenset({"it", "one", "said", "that", "these", "thing", "those", "what", "who", "whose"})
# Folders and files whose docstrings and comments are held to these words.
DONE: Final = (
    "benchmarks/*.py",
    "cli/jobs_cli/**/*.py",
    "deploy/**/*.py",
    "functions/*/*.py",
    "jobsctl/*.py",
    "layers/*.py",
    "layers/shared/python/jobs_api/**/*.py",
    "local/**/*.py",
    "tests/**/*.py",
)
CODE: Final = [
    path
    for pattern in DONE
    for path in sorted(ROOT.glob(pattern))
    if "examples" not in path.parts and path != Path(__file__)
]


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


def remarks(path: Path) -> list[str]:
    """Return the paragraphs of a module's docstrings and comments; code in them is left out."""
    found = comments(path)
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found += re.split(r"\n\s*\n|\n(?=    \w+: )", ast.get_docstring(node) or "")
    return [" ".join(re.sub(r"``?[^`]*``?", "code", part).split()) for part in found if not part.startswith("    ")]


def summaries(path: Path) -> list[str]:
    """Return the first paragraph of each docstring of a module."""
    nodes = ast.walk(ast.parse(path.read_text()))
    documented = (
        node for node in nodes if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return [(ast.get_docstring(node) or "").split("\n\n")[0] for node in documented]


def comments(path: Path) -> list[str]:
    """Return the comments of a module; lines that follow each other are one comment."""
    source = path.read_text()
    found: list[str] = []
    block: list[str] = []
    last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if block and token.start[0] != last + 1:
                found.append(" ".join(block))
                block = []
            block.append(re.sub(r"# (?:noqa|type): ?[\w\[\], -]*?(?= - |  |$)|#", "", token.string).strip())
            last = token.start[0]
    return [*found, " ".join(block)]


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_docstring_or_comment_has_to_be_read_twice(path: Path) -> None:
    sentences = [one for part in remarks(path) for one in re.split(r"(?<=[.!?:;])\s+(?=[\w«(*`\[])", part)]
    words = PLAINER_IN_SERVICE if path.is_relative_to(ROOT / "layers") else PLAINER_IN_CODE
    riddles = [
        f"{plainer}: {part}" for part in remarks(path) for pattern, plainer in words.items() if re.search(pattern, part)
    ]

    assert [sentence for sentence in sentences if len(sentence.split()) > MOST_WORDS] == []
    assert riddles == []


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


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_docstring_names_its_subject(path: Path) -> None:
    assert [first for first in summaries(path) if re.match(rf"{NO_SUBJECT.pattern}|(?:It|Its)\b", first)] == []


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_comment_has_a_subject(path: Path) -> None:
    assert [comment for comment in comments(path) if NO_SUBJECT.match(comment.removeprefix("- "))] == []


def test_every_parameter_names_what_it_takes() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{parameter.lineno}: {parameter.arg}"
        for path in CODE
        for function in ast.walk(ast.parse(path.read_text()))
        # A lambda is no longer than its line, which shows what its parameter is.
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for parameter in ast.walk(function.args)
        if isinstance(parameter, ast.arg) and parameter.arg in EMPTY_NAMES
    }

    assert found == set()


def test_no_test_has_a_riddle_for_a_name() -> None:
    names = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^\s*(?:async )?def test_(\w+)", path.read_text(), re.MULTILINE)
    }
    found = {
        f"{name}: {plainer}"
        for name in names
        for riddle, plainer in RIDDLES_IN_NAMES.items()
        if re.search(riddle, name)
    }

    assert found == set()
