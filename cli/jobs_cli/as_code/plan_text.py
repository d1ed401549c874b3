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
    is_new = change["action"] == "create"
    fields = {
        name: values
        for field, both in change.get("fields", {}).items()
        for name, values in _parts(field, both)
        if not (is_new and name == "name")
    }
    width = max(map(len, fields), default=0)
    for name, (before, after) in fields.items():
        yield f"      {name:<{width}}  {_shortened(_in_words(after)) if is_new else _changed(before, after)}"
    yield from _slots(change.get("slots", {}))


def _parts(field: str, both: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """Yield what changes in a field, before and after: of an environment each variable that does."""
    before, after = both.get("before"), both.get("after")
    both_are = [isinstance(value, dict) or value is None for value in (before, after)]
    if before == after or not all(both_are) or not (before or after):
        yield field, (before, after)
        return
    old, new = before or {}, after or {}
    for key in {**old, **new}:
        if old.get(key) != new.get(key):
            yield from _parts(f"{field}.{output.printable(key)}", {"before": old.get(key), "after": new.get(key)})


def _changed(before: Any, after: Any) -> str:
    old, new = _in_words(before), _in_words(after)
    if before == after:
        return f"{_shortened(new)} (a secret changes)"
    pairs = enumerate(zip(old, new))  # noqa: B905 - one is often longer
    start = next((at for at, (one, other) in pairs if one != other), min(len(old), len(new)))
    return f"{_shortened(old, start)} -> {_shortened(new, start)}"


def _in_words(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, list):
        return (
            ", ".join(_predecessor(one) if isinstance(one, dict) else output.printable(str(one)) for one in value)
            or "none"
        )
    return output.printable(value if value and isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _shortened(text: str, start: int = 0) -> str:
    """Return a text, of a long one the part in which `start` is: where two texts begin to differ."""
    if len(text) <= LONGEST:
        return text
    begin = max(0, min(start - LONGEST // 4, len(text) - LONGEST))
    end = begin + LONGEST
    return ("..." if begin else "") + text[begin:end] + ("..." if end < len(text) else "")


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
