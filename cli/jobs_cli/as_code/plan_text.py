"""Shows a plan: a line for each job that changes, its fields before and after, and the slots of the next day."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

from jobs_cli import output
from jobs_cli.as_code.applying import ProjectPlan

SIGNS: Final = {"create": ("+", "32"), "update": ("~", "33"), "delete": ("-", "31")}
VERBS: Final = {"create": "to create", "update": "to update", "delete": "to delete"}
SHOWN_SLOTS: Final = 3
LONGEST: Final = 200


def show(plans: Sequence[ProjectPlan]) -> None:
    """Print plans, and their sums."""
    for plan in plans:
        if not plan.changes:
            continue
        output.say(output.coloured(plan.listed.name, output.BOLD))
        for change in plan.changes:
            for line in _lines_of(change):
                output.say(line)
        output.say()
    output.say(summary(plans))
    for plan in plans:
        count = plan.answer.get("unlisted")
        if count:
            stay = "1 job is not in the file and stays" if count == 1 else f"{count} jobs are not in the file and stay"
            output.say(f"{plan.listed.name}: {stay}; --prune would delete {'it' if count == 1 else 'them'}")


def summary(plans: Sequence[ProjectPlan]) -> str:
    """Return the sums of plans in a sentence or two."""
    changes = [change for plan in plans for change in plan.changes]
    unchanged = sum(plan.unchanged for plan in plans)
    if not changes:
        return f"Nothing to change: {_jobs(unchanged)} as the file has them"
    counts = [f"{_count(changes, action)} {verb}" for action, verb in VERBS.items()]
    counted = f"Plan: {', '.join(counts)}, {unchanged} unchanged"
    gained, lost = (
        sum(change.get("slots", {}).get(f"{name}_total", 0) for change in changes) for name in ("gained", "lost")
    )
    uncounted = sum(plan.answer.get("slots_uncounted", 0) for plan in plans)
    but = f" (without those of {uncounted} changes, which are too many to be counted)" if uncounted else ""
    return f"{counted}. Slots in the next 24 hours: {gained} gained, {lost} lost{but}"


def _count(changes: Sequence[dict[str, Any]], action: str) -> int:
    return sum(change["action"] == action for change in changes)


def _jobs(count: int) -> str:
    return "1 job is" if count == 1 else f"{count} jobs are"


def _lines_of(change: dict[str, Any]) -> Iterator[str]:
    sign, colour = SIGNS.get(change["action"], ("?", ""))
    yield "  " + output.coloured(f"{sign} {output.printable(change['name'])}", colour)
    fields = change.get("fields", {})
    width = max(map(len, fields), default=0)
    for name, values in fields.items():
        if change["action"] == "create" and name == "name":
            continue
        before, after = (_value_in_words(name, values.get(key)) for key in ("before", "after"))
        text = after if change["action"] == "create" else _changed(before, after)
        yield f"      {name:<{width}}  {text}"
    yield from _slots(change.get("slots", {}))


def _changed(before: str, after: str) -> str:
    if before == after:
        return f"{after} (a secret changes)"
    return f"{before or 'none'} -> {after or 'none'}"


def _value_in_words(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "run_after" and isinstance(value, list):
        return ", ".join(_predecessor(one) for one in value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    shown = output.printable(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}..."


def _predecessor(predecessor: dict[str, Any]) -> str:
    name = output.printable(str(predecessor.get("job") or predecessor.get("job_id")))
    on = predecessor.get("on") or ["success"]
    return name if on == ["success"] else f"{name} ({', '.join(map(str, on))})"


def _slots(slots: dict[str, Any]) -> Iterator[str]:
    for name, sign, colour in (("gained", "+", "32"), ("lost", "-", "31")):
        total = slots.get(f"{name}_total", 0)
        if total:
            times = ", ".join(output.moment(slot) for slot in slots[name][:SHOWN_SLOTS])
            more = f" and {total - SHOWN_SLOTS} more" if total > SHOWN_SLOTS else ""
            text = f"{sign}{total} {'slot' if total == 1 else 'slots'} (UTC): {times}{more}"
            yield "      " + output.coloured(text, colour)
