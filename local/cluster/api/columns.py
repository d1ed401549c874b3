"""Each kind's columns in kubectl's tables, and an object's cells in them (pkg/printers/internalversion)."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.cluster.api.ages import age, human_duration
from local.cluster.clock import parse_timestamp
from local.cluster.storage import Object

type Cells = Callable[[Object, datetime], list[Any]]

_NONE = "<none>"


@dataclass(frozen=True)
class Column:
    """One column; `priority` 1 is shown with -o wide only."""

    name: str
    type: str = "string"
    format: str = ""
    priority: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Return the metav1.TableColumnDefinition."""
        described = f"{self.name} of the object."
        return {
            "name": self.name,
            "type": self.type,
            "format": self.format,
            "description": described,
            "priority": self.priority,
        }


_NAME, _AGE = Column("Name", format="name"), Column("Age")


def _pod(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    states = status.get("containerStatuses", [])
    ready = sum(1 for state in states if state.get("ready"))
    return [
        obj["metadata"]["name"],
        f"{ready}/{len(spec['containers'])}",
        _pod_reason(obj),
        str(sum(state.get("restartCount", 0) for state in states)),
        age(obj["metadata"].get("creationTimestamp"), now),
        status.get("podIP") or _NONE,
        spec.get("nodeName") or _NONE,
        status.get("nominatedNodeName") or _NONE,
        _NONE,
    ]


def _pod_reason(obj: Object) -> str:
    """Return the STATUS column: the phase, or a reason that says more."""
    status = obj.get("status", {})
    reason = status.get("reason") or status.get("phase", "Unknown")
    running = False
    for state in reversed(status.get("containerStatuses", [])):
        waiting, ended = state.get("state", {}).get("waiting", {}), state.get("state", {}).get("terminated")
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif ended is not None:
            how = f"Signal:{ended['signal']}" if ended.get("signal") else f"ExitCode:{ended.get('exitCode', 0)}"
            reason = ended.get("reason") or how
        elif state.get("ready") and state.get("state", {}).get("running"):
            running = True
    if reason == "Completed" and running:
        reason = "Running"
    return "Terminating" if "deletionTimestamp" in obj["metadata"] else str(reason)


def _job(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    succeeded, parallelism = status.get("succeeded", 0), spec.get("parallelism", 1)
    wanted = spec.get("completions")
    completions = f"{succeeded}/{wanted}" if wanted is not None else f"{succeeded}/1 of {parallelism}"
    if wanted is None and parallelism <= 1:
        completions = f"{succeeded}/1"
    return [
        obj["metadata"]["name"],
        _job_status(obj),
        completions,
        _job_duration(status, now),
        age(obj["metadata"].get("creationTimestamp"), now),
        *_template(spec["template"]["spec"]),
        _selector(spec.get("selector")),
    ]


def _job_status(obj: Object) -> str:
    conditions = obj.get("status", {}).get("conditions", [])
    true = {condition["type"] for condition in conditions if condition.get("status") == "True"}
    for kind, shown in (("Complete", "Complete"), ("Failed", "Failed")):
        if kind in true:
            return shown
    if "deletionTimestamp" in obj["metadata"]:
        return "Terminating"
    for kind, shown in (("Suspended", "Suspended"), ("FailureTarget", "FailureTarget")):
        if kind in true:
            return shown
    return "SuccessCriteriaMet" if "SuccessCriteriaMet" in true else "Running"


def _job_duration(status: Object, now: datetime) -> str:
    if not status.get("startTime"):
        return ""
    failed = [c.get("lastTransitionTime") for c in status.get("conditions", []) if c["type"] == "Failed"]
    end = status.get("completionTime") or (failed[0] if failed else None)
    until = parse_timestamp(end) if end else now
    return human_duration((until - parse_timestamp(status["startTime"])).total_seconds())


def _cronjob(obj: Object, now: datetime) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    last = status.get("lastScheduleTime")
    return [
        obj["metadata"]["name"],
        spec["schedule"],
        spec.get("timeZone") or _NONE,
        str(spec.get("suspend", False)),
        len(status.get("active", [])),
        age(last, now) if last else _NONE,
        age(obj["metadata"].get("creationTimestamp"), now),
        *_template(spec["jobTemplate"]["spec"]["template"]["spec"]),
        _selector(spec["jobTemplate"]["spec"].get("selector")),
    ]


def _template(spec: Object) -> list[str]:
    containers = spec["containers"]
    return [",".join(c["name"] for c in containers), ",".join(c.get("image", "") for c in containers)]


def _selector(selector: Object | None) -> str:
    labels = (selector or {}).get("matchLabels") or {}
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items())) or _NONE


def _event(obj: Object, now: datetime) -> list[Any]:
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or first
    about, source = obj.get("involvedObject", {}), obj.get("source", {})
    return [
        age(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{about.get('kind', '').lower()}/{about.get('name', '')}",
        about.get("fieldPath", ""),
        ", ".join(part for part in (source.get("component"), source.get("host")) if part),
        obj.get("message", "").strip(),
        age(first, now),
        obj.get("count", 1),
        obj["metadata"]["name"],
    ]


def _simple(*middle: Callable[[Object], Any]) -> Cells:
    """Make cells of the name, some values and the age."""

    def cells(obj: Object, now: datetime) -> list[Any]:
        since = age(obj["metadata"].get("creationTimestamp"), now)
        return [obj["metadata"]["name"], *(value(obj) for value in middle), since]

    return cells


def _count(*fields: str) -> Callable[[Object], int]:
    return lambda obj: sum(len(obj.get(field) or ()) for field in fields)


_WIDE = [Column("Containers", priority=1), Column("Images", priority=1), Column("Selector", priority=1)]
TABLES: dict[str, tuple[list[Column], Cells]] = {
    "pods": (
        [
            _NAME,
            Column("Ready"),
            Column("Status"),
            Column("Restarts"),
            _AGE,
            Column("IP", priority=1),
            Column("Node", priority=1),
            Column("Nominated Node", priority=1),
            Column("Readiness Gates", priority=1),
        ],
        _pod,
    ),
    "jobs": ([_NAME, Column("Status"), Column("Completions"), Column("Duration"), _AGE, *_WIDE], _job),
    "cronjobs": (
        [
            _NAME,
            Column("Schedule"),
            Column("Timezone"),
            Column("Suspend", "boolean"),
            Column("Active", "integer"),
            Column("Last Schedule"),
            _AGE,
            *_WIDE,
        ],
        _cronjob,
    ),
    "events": (
        [
            Column("Last Seen"),
            Column("Type"),
            Column("Reason"),
            Column("Object"),
            Column("Subobject", priority=1),
            Column("Source", priority=1),
            Column("Message"),
            Column("First Seen", priority=1),
            Column("Count", priority=1),
            Column("Name", priority=1, format="name"),
        ],
        _event,
    ),
    "namespaces": ([_NAME, Column("Status"), _AGE], _simple(lambda obj: obj.get("status", {}).get("phase", "Active"))),
    "secrets": (
        [_NAME, Column("Type"), Column("Data", "integer"), _AGE],
        _simple(lambda obj: obj.get("type", "Opaque"), _count("data")),
    ),
    "limitranges": ([_NAME, _AGE], _simple()),
    "resourcequotas": ([_NAME, _AGE], _simple()),
    "configmaps": ([_NAME, Column("Data", "integer"), _AGE], _simple(_count("data", "binaryData"))),
    "serviceaccounts": ([_NAME, Column("Secrets", "integer"), _AGE], _simple(_count("secrets"))),
}
