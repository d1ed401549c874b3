"""Words a Slack message about a run that is late or takes long, and about the success that people waited for."""

from collections.abc import Sequence
from statistics import median

from jobs_api.model.run import Run, RunStatus
from jobs_api.notifications.slack.alert_decision import AlertKind
from jobs_api.notifications.slack.wording import slack_time, spoken

EXPECTED_KINDS = frozenset({AlertKind.LATE, AlertKind.LONG, AlertKind.AWAITED})


def title(name: str, kind: AlertKind, run: Run) -> str:
    """Return the title of a message about one job; the run may have ended meanwhile."""
    if kind is AlertKind.LATE:
        return f"{name} ended late" if run.status.ended else f"{name} is late"
    if kind is AlertKind.LONG:
        return f"{name} {'took' if run.status.ended else 'takes'} longer than {_longest(run)}"
    if run.late_at is None or run.expected_by is None or run.end_time is None:
        return f"{name} succeeded, after {spoken(run.duration_seconds or 0)}"
    late = (run.end_time - run.expected_by).total_seconds()
    # While the cluster could not be reached, nobody saw that it ended in time.
    return f"{name} succeeded, {spoken(late)} late" if late > 0 else f"{name} succeeded, in time after all"


def list_title(count: int, project_name: str, kind: AlertKind) -> str:
    """Return the title of a message about several jobs of a project."""
    said = {AlertKind.LATE: "are late", AlertKind.LONG: "take longer than expected"}
    return f"{count} jobs of {project_name} {said.get(kind, 'have succeeded after all')}"


def facts(kind: AlertKind, run: Run, usual: Sequence[float]) -> list[tuple[str, str]]:
    """Return names and values in mrkdwn; `usual` has the seconds that the job's last successes took."""
    pairs = [("Status", "not started yet" if run.status is RunStatus.PENDING else run.status.value)]
    if run.expected_by and kind is not AlertKind.LONG:
        pairs.append(("Should have ended" if kind is AlertKind.LATE else "Was to end", slack_time(run.expected_by)))
    if run.expected_minutes:
        pairs.append(("Should take", f"at most {_longest(run)}"))
    if run.scheduled_for:
        pairs.append(("Scheduled for", slack_time(run.scheduled_for)))
    if run.start_time:
        pairs.append(("Started", slack_time(run.start_time)))
    if run.end_time:
        pairs.append(("Ended", slack_time(run.end_time)))
    if run.duration_seconds is not None:
        pairs.append(("Duration", spoken(run.duration_seconds)))
    if kind is not AlertKind.AWAITED:
        pairs.append(("Usually takes", _usual(usual)))
    return pairs


def _usual(seconds: Sequence[float]) -> str:
    if not seconds:
        return "no success on record"
    of = f"median of {len(seconds)} successes" if len(seconds) > 1 else "the last success"
    return f"{spoken(median(seconds))} ({of})"


def _longest(run: Run) -> str:
    hours, minutes = divmod(run.expected_minutes or 0, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{minutes} min"] * (minutes > 0))
