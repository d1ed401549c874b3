"""Rules for CronJobs (validateCronJobSpec): schedule, time zone, policy and the Job's template."""

from jobs_api.schedule import InvalidSchedule, InvalidTimezone, check_timezone, kubernetes_schedule
from local.cluster.rules.faults import Faults
from local.cluster.rules.jobs import check_job_spec
from local.cluster.storage import Object

_POLICIES = ["Allow", "Forbid", "Replace"]
# 63, less the eleven characters for the time at the end of a Job's name.
LONGEST_NAME = 52


def check_cronjob_spec(spec: Object, faults: Faults) -> None:
    """Check the spec of a CronJob."""
    if not (schedule := spec.get("schedule", "")):
        faults.required("spec.schedule")
    else:
        _check_schedule(schedule, faults)
    faults.negative("spec.startingDeadlineSeconds", spec.get("startingDeadlineSeconds"))
    if (timezone := spec.get("timeZone")) is not None:
        _check_timezone(timezone, faults)
    if (policy := spec["concurrencyPolicy"]) not in _POLICIES:
        faults.unsupported("spec.concurrencyPolicy", policy, _POLICIES)
    template = spec["jobTemplate"]["spec"]
    check_job_spec(template, "spec.jobTemplate.spec", faults)
    if "selector" in template:
        faults.invalid("spec.jobTemplate.spec.selector", template["selector"], "`selector` will be auto-generated")
    if template.get("manualSelector"):
        faults.unsupported("spec.jobTemplate.spec.manualSelector", True, ["nil", "false"])
    for field in ("successfulJobsHistoryLimit", "failedJobsHistoryLimit"):
        faults.negative(f"spec.{field}", spec.get(field))


def _check_schedule(schedule: str, faults: Faults) -> None:
    path, expression = "spec.schedule", schedule
    if schedule.startswith(("TZ=", "CRON_TZ=")):
        # The library accepts a zone before the schedule; Kubernetes then refuses every zone there.
        zone, _, rest = schedule.partition(" ")
        # Only the first zone is removed. A space before the rest makes our parser refuse a second one too.
        expression = rest.strip() if not rest.strip().startswith(("TZ=", "CRON_TZ=")) else f" {rest.strip()}"
        name = zone.partition("=")[2]
        if fault := _unknown_zone(name):
            faults.invalid(path, schedule, f"provided bad location {name}: {fault}")
            expression = ""
    if expression:
        try:
            kubernetes_schedule(expression)
        except InvalidSchedule as error:
            faults.invalid(path, schedule, error.kubernetes)
    if "TZ" in schedule:
        faults.invalid(path, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead")


def _check_timezone(name: str, faults: Faults) -> None:
    path = "spec.timeZone"
    if not name:
        faults.invalid(path, name, "timeZone must be nil or non-empty string")
        return
    if name.lower() == "local":
        why = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        faults.invalid(path, name, why)
    if fault := _unknown_zone(name):
        faults.invalid(path, name, fault)


def _unknown_zone(name: str) -> str:
    """Return the error of Go's time.LoadLocation for a name, or ""; it accepts "" and Local."""
    if name in {"", "Local"}:
        return ""
    try:
        check_timezone(name)
    except InvalidTimezone:
        return f"unknown time zone {name}"
    return ""
