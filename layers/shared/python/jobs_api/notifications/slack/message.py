"""Builds a Slack message in Block Kit: what a person needs to act; masked, escaped and within Slack's limits.

https://docs.slack.dev/reference/block-kit/blocks and https://docs.slack.dev/messaging/formatting-message-text
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from jobs_api.logs.excerpt import Excerpt
from jobs_api.logs.excerpt.failures import counted
from jobs_api.model.run import Run, RunStatus, Streak, TriggeredBy
from jobs_api.notifications.slack import expected
from jobs_api.notifications.slack.alert_decision import AlertKind
from jobs_api.notifications.slack.blocks import (
    HEADER_LIMIT,
    SECTION_LIMIT,
    Block,
    code_block,
    cut,
    escaped,
    field_block,
    section,
    sections,
)
from jobs_api.notifications.slack.memory import Member
from jobs_api.notifications.slack.wording import slack_time, spoken
from jobs_api.redaction.masking import LONGEST_SHOWN, masked

FALLBACK_LIMIT: Final = 300
# Slack allows 50 blocks, but people read about a dozen.
MOST_FAILURES_SHOWN: Final = 5
MOST_JOBS_SHOWN: Final = 20
EXCERPT_LIMIT: Final = 2000


@dataclass(frozen=True)
class MessageFacts:
    """The facts from which a message is built; `streak` counts the failed runs before this one.

    `usual` has the seconds that the last successes took. A run that is not `stored` is a slot without a run so far.
    """

    kind: AlertKind
    project_name: str
    job_name: str
    run: Run
    stored: bool = True
    streak: Streak = field(default_factory=Streak)
    usual: list[float] = field(default_factory=list)
    succeeded_since: bool = False
    excerpt: Excerpt = field(default_factory=lambda: Excerpt([], ""))
    members: list[Member] = field(default_factory=list)
    more: int = 0
    secrets: list[str] = field(default_factory=list)
    # The address of the page of a run, by the run's id; "" where none is known.
    run_page: Callable[[str], str] = lambda _: ""


def message(facts: MessageFacts) -> dict[str, Any]:
    """Return `text`, which notifications show, and `blocks`, as chat.postMessage takes them."""
    if len(facts.members) + facts.more > 1:
        title, blocks = _list_title(facts), _list(facts)
    else:
        title, blocks = _title(facts), _single(facts)
    header = {"type": "header", "text": {"type": "plain_text", "text": cut(title, HEADER_LIMIT), "emoji": False}}
    return {"text": escaped(title, FALLBACK_LIMIT), "blocks": [header, *blocks]}


def test_message(project_name: str, job_name: str) -> dict[str, Any]:
    """Return a message that only shows that messages arrive; names appear in it as they are, whatever they contain."""
    text = f"Alerts of {project_name} / {job_name} arrive here. This is a test; nothing has happened."
    shown = {"type": "section", "text": {"type": "plain_text", "text": cut(text, SECTION_LIMIT), "emoji": False}}
    return {"text": escaped(text, FALLBACK_LIMIT), "mrkdwn": False, "blocks": [shown]}


def _title(facts: MessageFacts) -> str:
    name = f"{facts.project_name} / {facts.job_name}"
    if facts.kind in expected.EXPECTED_KINDS:
        return expected.title(name, facts.kind, facts.run)
    match facts.kind:
        case AlertKind.RECOVERED:
            return f"{name} works again"
        case AlertKind.SUCCESS:
            return f"{name} succeeded{_warnings(facts.run)}"
        case AlertKind.REMINDER:
            return f"{name} is still failing"
        case _:
            return f"{name} {_how_it_failed(facts.run)}"


def _warnings(run: Run) -> str:
    count = run.results.warn if run.results else 0
    return f" with {counted(count, 'warning')}" if count else ""


def _how_it_failed(run: Run) -> str:
    if run.status is RunStatus.ERROR:
        return f"could not run, attempt {run.attempt}" if run.attempt else "could not run"
    return f"failed after {run.attempt} attempts" if run.attempt else "failed"


def _list_title(facts: MessageFacts) -> str:
    count = len(facts.members) + facts.more
    if facts.kind in expected.EXPECTED_KINDS:
        return expected.list_title(count, facts.project_name, facts.kind)
    if facts.kind is AlertKind.RECOVERED:
        return f"{count} jobs of {facts.project_name} work again"
    return f"{count} jobs of {facts.project_name} fail, for the same cause"


def _single(facts: MessageFacts) -> list[Block]:
    blocks = [{"type": "section", "fields": [field_block(name, value) for name, value in _facts(facts)]}]
    # The title of a late run says whether it has ended; a slot without a run is shown as it was when it was found.
    is_shown_as_then = facts.kind not in expected.EXPECTED_KINDS or not facts.stored
    recovered = facts.members and facts.members[0].recovered and is_shown_as_then
    if facts.succeeded_since or recovered:
        blocks.append(section("It has succeeded since."))
    return [*blocks, *_what_failed(facts), _context(facts)]


def _list(facts: MessageFacts) -> list[Block]:
    members = sorted(facts.members, key=lambda member: member.job_name)
    lines = [_line(member, facts) for member in members[:MOST_JOBS_SHOWN]]
    hidden = len(facts.members) + facts.more - len(lines)
    if hidden:
        lines.append(f"… and {hidden} more")
    return [*sections(lines), *_what_failed(facts), _context(facts)]


def _line(member: Member, facts: MessageFacts) -> str:
    """Name a job and its run, with its own error where that differs from the error that the message quotes."""
    tried = f" ({member.attempts} attempts)" if member.attempts else ""
    since = " (has succeeded since)" if member.recovered else ""
    own = member.said if facts.kind is not AlertKind.RECOVERED and member.run_id != facts.run.id else ""
    differs = own and own != cut(facts.run.error_message or "", len(own))
    said = f": `{code_block(masked(own, facts.secrets), 240)}`" if differs else ""
    return f"• `{code_block(member.job_name, 200)}`{tried}{since}, run {_linked(member.run_id, facts)}{said}"


def _facts(facts: MessageFacts) -> list[tuple[str, str]]:
    """Return names and values in mrkdwn; Slack shows ten at most."""
    run, streak = facts.run, facts.streak
    if facts.kind in expected.EXPECTED_KINDS:
        return expected.facts(facts.kind, run, facts.usual)
    pairs = [("Status", run.status.value)]
    if run.duration_seconds is not None:
        pairs.append(("Duration", spoken(run.duration_seconds)))
    if run.exit_code:
        pairs.append(("Exit code", str(run.exit_code)))
    pairs.append(("Started by", "its schedule" if run.begun_by is TriggeredBy.SCHEDULED else "a manual request"))
    if run.attempt:
        pairs.append(("Attempts", str(run.attempt)))
    if run.end_time:
        pairs.append(("Ended", slack_time(run.end_time)))
    if facts.kind in {AlertKind.FAILING, AlertKind.REMINDER}:
        count = streak.failures + 1
        pairs.append(("Failed in a row", f"{count}{'+' if streak.more else ''} run{'s' if count > 1 else ''}"))
        pairs.append(("Last success", slack_time(streak.succeeded_at) if streak.succeeded_at else "none on record"))
    elif facts.kind is AlertKind.RECOVERED and streak.failures:
        since = f", since {slack_time(streak.since)}" if streak.since else ""
        plural = "s" if streak.failures > 1 else ""
        pairs.append(("Failed before", f"{streak.failures}{'+' if streak.more else ''} run{plural}{since}"))
    return pairs


def _what_failed(facts: MessageFacts) -> list[Block]:
    """Quote the failed models and tests, or else the most useful lines of the log, or else the run's error.

    For a run that was ended from outside: why, what was running, and the log's end. For a success: its warnings.
    """
    run, excerpt = facts.run, facts.excerpt
    if facts.kind in {AlertKind.RECOVERED, AlertKind.SUCCESS, *expected.EXPECTED_KINDS}:
        return _quotes([run.message or ""], facts)
    if run.status is not RunStatus.FAILED:
        running = f"Running when it was ended: {', '.join(excerpt.running)}" if excerpt.running else ""
        return _quotes([run.error_message or "", running, excerpt.last], facts)
    blocks = [
        section(
            f"`{code_block(masked(cut(failure.node, 1000), facts.secrets), 400)}`\n{_quoted(failure.message, facts)}"
        )
        for failure in excerpt.failures[:MOST_FAILURES_SHOWN]
    ]
    hidden = max(excerpt.count, len(excerpt.failures)) - len(blocks)
    if hidden:
        blocks.append(section(f"… and {hidden} more"))
    running = f"Running at the end: {', '.join(excerpt.running)}" if excerpt.running else ""
    return [*(blocks or _quotes([excerpt.lines or run.error_message or ""], facts)), *_quotes([running], facts)]


def _quotes(texts: list[str], facts: MessageFacts) -> list[Block]:
    return [section(_quoted(text, facts)) for text in texts if text.strip()]


def _context(facts: MessageFacts) -> Block:
    run = facts.run
    command = f"`{code_block(masked(cut(run.command, LONGEST_SHOWN), facts.secrets), 600)}`" if run.command else ""
    named = [f"Run {_linked(run.id, facts)}", f"log: `GET /api/v1/runs/{run.id}/logs`"]
    named = named if facts.stored else ["No run yet"]
    text = " · ".join([*named, *([command] if command else [])])
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def _linked(run_id: str, facts: MessageFacts) -> str:
    """Show a run's id as a link to its page. An address has no `|` and no `>`: the template does not allow them."""
    page = facts.run_page(run_id)
    return f"<{escaped(page)}|{escaped(run_id)}>" if page else f"`{run_id}`"


def _quoted(text: str, facts: MessageFacts) -> str:
    """Show text in a code block; it is masked before it is shortened, so that no half of a secret is left."""
    return f"```{code_block(masked(cut(text, LONGEST_SHOWN), facts.secrets), EXCERPT_LIMIT)}```" if text.strip() else ""
