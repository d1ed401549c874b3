"""Reads the log of SQLMesh: failed models, audits and unit tests, skipped models, prompts that nobody answered.

Its console wraps lines at 80 columns. The rest of a line begins in the first column, where nothing else of a message
begins. Without a terminal it writes Markdown; older versions write as for a terminal.
"""

import re
from collections.abc import Iterable
from itertools import takewhile
from typing import Final

from jobs_api.logs.excerpt.causes import cause_in
from jobs_api.logs.excerpt.failures import Failure, counted, joined, listed, squeezed

_FAILED: Final = re.compile(r"\W{0,200}Failed models\W{0,10}$")
_SKIPPED: Final = re.compile(r"\W{0,200}Skipped models\W{0,10}$")
# `* `"db"."shop"."orders"``, or `  "db"."shop"."orders"` with an empty line below.
# A name in quotation marks may have blanks.
_QUALIFIED: Final = r"[`'\"]?[\w\"`'.$@{}-]{1,500}|`?\"[^\"\s][^\"]{0,200}\"(?:\.\"[^\"]{1,200}\"){1,3}`?"
_BULLET: Final = re.compile(rf"\* (?P<node>{_QUALIFIED})$")
_INDENTED: Final = re.compile(rf"  (?:\*\*)?(?P<node>{_QUALIFIED}?)(?:\*\*)?$")
_FENCE: Final = re.compile(r" {0,2}```$")
_OVER: Final = re.compile(r"Error: |Traceback |\*\*[A-Z]")
_POINTER: Final = re.compile(r"\s*\^$")
_AUDIT: Final = re.compile(r"(?P<audit>\S{1,300}) on(?: model)? (?P<model>\S{1,500}) \W{0,8}FAIL\b")
_AUDITED: Final = re.compile(r"\S{1,300} on (?:model )?\S{1,500}")
_SETTLED: Final = re.compile(r"\b(?:FAIL|PASS|SKIPPED)\b")
_AUDIT_SAYS: Final = re.compile(r"Failure in audit (?P<audit>\S{1,300})(?: |$)")
_TEST: Final = re.compile(r"(?:FAIL|ERROR): (?P<node>\S{1,300})(?: \(.{0,500}\)?)?$")
_RULE: Final = re.compile(r"[-=]{20,}$|```$")
# On the line of the question where nobody's answer ended that.
_ABORTED: Final = re.compile(r"(?:Aborted\.|(?P<asked>(?!.{0,60}Error\b).{1,300}[:?\]] ?)?Aborted!)$")
_QUESTION: Final = re.compile(r".{0,300}(?:\[[yYnN]/[yYnN]\]|\?|:) ?$")
_WARNED: Final = re.compile(r"\[WARNING\]")
_NOTHING: Final = re.compile(
    r"No models are ready to run|\W{0,4}No changes to plan|.{0,40}SKIP: No model batches to execute"
)
UNANSWERED: Final = "It asked a question that nobody could answer: run it with `--auto-apply --no-prompts`"


def failures(lines: list[str]) -> list[Failure]:
    """Return all that failed."""
    return [*_models(lines), *_audits(lines), *_tests(lines)]


def skipped(lines: list[str]) -> list[str]:
    """Return the names of the models that were skipped because of others."""
    return [_model_name(name).removeprefix("model ") for name, _ in _sections(lines, _SKIPPED)]


def unanswered(lines: list[str]) -> list[str]:
    """Return what to do where a run ended at a question, and the question; click says `Aborted!` without an answer."""
    aborted = range(len(lines) - 1, max(-1, len(lines) - 20), -1)
    at = next((at for at in aborted if _ABORTED.match(lines[at].strip())), None)
    if at is None:
        return []
    asked = [line.strip() for line in lines[max(0, at - 8) : at] if _QUESTION.match(line.rstrip())]
    asked += [found["asked"].strip() for found in [_ABORTED.match(lines[at].strip())] if found and found["asked"]]
    return [UNANSWERED, *asked[-1:], "Aborted!"]


def ended(lines: list[str]) -> str:
    """Return the warnings and skipped models of a success, or that nothing was to do; "" if there are none."""
    warnings = [_paragraph(lines, at).partition("]")[2].strip(" :") for at in _matching_lines(lines, _WARNED)]
    left = [f"model {name}" for name in skipped(lines)]
    remarks = [f"{counted(len(warnings), 'warning')}: {listed(warnings, len(warnings), 1)}"] if warnings else []
    remarks += [f"{len(left)} skipped: {listed(left, len(left))}"] if left else []
    # Before 0.200 `sqlmesh audit` exits with 0 whatever it finds.
    audits = [failure.node for failure in _audits(lines)]
    remarks += [f"{counted(len(audits), 'failed audit')}: {listed(audits, len(audits))}"] if audits else []
    nothing = [] if remarks else [_paragraph(lines, at) for at in _matching_lines(lines, _NOTHING)[:1]]
    return "; ".join([*remarks, *nothing])


def _matching_lines(lines: list[str], pattern: re.Pattern[str]) -> list[int]:
    return [at for at, line in enumerate(lines) if pattern.match(line)]


def _paragraph(lines: list[str], at: int) -> str:
    """Return a sentence that was wrapped, from the line where it begins."""
    following = list(takewhile(lambda line: line.strip() and not line.startswith("["), lines[at + 1 : at + 5]))
    return squeezed(" ".join([lines[at].strip("* "), *following]))


def _models(lines: list[str]) -> Iterable[Failure]:
    for name, message in _sections(lines, _FAILED):
        lines_of_message = _rejoined(message)
        yield Failure(_model_name(name), joined(lines_of_message), cause_in(lines_of_message))


def _sections(lines: list[str], heading: re.Pattern[str]) -> Iterable[tuple[str, list[str]]]:
    """Return the names below a heading, each with the lines that belong to it."""
    begin = next((at for at, line in enumerate(lines) if heading.match(line)), None)
    if begin is None:
        return
    name, message, fenced = "", list[str](), False
    for at in range(begin + 1, len(lines)):
        line = lines[at]
        if name and line.startswith("  ") and _FENCE.match(line):
            fenced = not fenced
            continue
        node = None if fenced else _node(line, lines[at + 1] if at + 1 < len(lines) else "")
        if node or (not fenced and _OVER.match(line)):
            if name:
                yield name, message
            name, message = node or "", []
            if not node:
                return
        elif name:
            message.append(line)
    if name:
        yield name, message


def _node(line: str, following: str) -> str:
    node = _BULLET.match(line) or (_INDENTED.match(line) if not following.strip() else None)
    return node["node"] if node else ""


def _rejoined(message: list[str]) -> list[str]:
    """Join the lines that were wrapped.

    What pointed into a line by its place below it points nowhere after that, and is left out.
    """
    lines = list[list[str]]()
    for line in message:
        if lines and line and not line.startswith(" ") and not _POINTER.match(line):
            lines[-1].append(line)
        elif not _POINTER.match(line):
            lines.append([line])
    return [" ".join(parts) for parts in lines]


def _audits(lines: list[str]) -> Iterable[Failure]:
    """Read `sqlmesh audit`: a list of results, and below it what the audits that failed have found."""
    found = list[tuple[str, str]]()
    says = dict[str, list[list[str]]]()
    for at, line in enumerate(lines):
        heading = line
        if _AUDITED.match(line) and not _SETTLED.search(line):
            heading = squeezed(" ".join(lines[at : at + 3]))
        if result := _AUDIT.match(heading):
            found.append((result["audit"], result["model"]))
        elif failure := _AUDIT_SAYS.match(line):
            message = [each for each in lines[at + 1 : at + 4] if not each.startswith("(")]
            says.setdefault(failure["audit"], []).append(message)
    for audit, model in found:
        # Both lists have the same order.
        message = says[audit].pop(0) if says.get(audit) else []
        yield Failure(f"audit {audit} on model {model}", joined(message), cause_in(message))


def _tests(lines: list[str]) -> Iterable[Failure]:
    """Read what unittest wrote of `sqlmesh test`: a heading between two rules, then the difference or a traceback."""
    seen = set[str]()
    for at, line in enumerate(lines):
        test = _TEST.match(line)
        if test is None or at == 0 or not _RULE.match(lines[at - 1]) or test["node"] in seen:
            continue
        seen.add(test["node"])
        begin = next((n for n in range(at + 1, min(at + 6, len(lines))) if _RULE.match(lines[n])), at) + 1
        end = next((n for n in range(begin, len(lines)) if _RULE.match(lines[n])), len(lines))
        message = lines[begin:end]
        yield Failure(f"test {test['node']}", joined(message), cause_in(message))


def _model_name(quoted: str) -> str:
    """Remove the quotes and the database's name, which is the same for all models."""
    name = quoted.translate({ord(mark): None for mark in "\"`'"})
    return f"model {name.partition('.')[2] if name.count('.') > 1 else name}"
