"""`GET pods/{name}/log`: what a container has written, and with `follow` what it writes from now on."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Protocol, cast

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from local.cluster.api import query
from local.cluster.api.objects import storage_of
from local.cluster.clock import parse_timestamp
from local.cluster.errors import BadRequest, Cause, Invalid, NotFound
from local.cluster.kinds import KINDS, Kind
from local.cluster.log_options import LogOptions
from local.cluster.storage import Object

_OPTIONS = Kind("PodLogOptions", "podlogoptions", "podlogoptions")


class LogReader(Protocol):
    """The method of a kubelet that this path needs."""

    def read_log(self, namespace: str, pod: str, container: str, options: LogOptions) -> AsyncIterator[bytes]:
        """Yield the log in pieces; with `follow`, until the container has ended."""


async def pod_log(request: Request) -> Response:
    """Answer with the log as plain text; 400 if the container has no log, or with `previous` no earlier one."""
    namespace, name = request.path_params["namespace"], request.path_params["name"]
    options = _options(request, name)
    stored = storage_of(request).find("pods", namespace, name)
    if stored is None:
        raise NotFound.named(KINDS["pods"], name)
    pod = stored.object
    container = _container(pod, request.query_params.get("container", ""))
    _check_started(pod, container, previous=options.previous)
    reader = cast("LogReader", request.app.state.kubelet)
    return StreamingResponse(reader.read_log(namespace, name, container, options), media_type="text/plain")


def _options(request: Request, name: str) -> LogOptions:
    tail, limit = query.whole(request, "tailLines"), query.whole(request, "limitBytes")
    seconds, since_time = query.whole(request, "sinceSeconds"), request.query_params.get("sinceTime")
    causes = []
    if tail is not None and tail < 0:
        causes.append(_invalid("tailLines", tail, "must be greater than or equal to 0"))
    if limit is not None and limit < 1:
        causes.append(_invalid("limitBytes", limit, "must be greater than 0"))
    if seconds is not None and since_time:
        message = "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified"
        causes.append(Cause("FieldValueForbidden", message, "<nil>"))
    elif seconds is not None and seconds < 1:
        causes.append(_invalid("sinceSeconds", seconds, "must be greater than 0"))
    if causes:
        raise Invalid.of(_OPTIONS, name, causes)
    return LogOptions(
        tail=tail,
        follow=query.flag(request, "follow"),
        timestamps=query.flag(request, "timestamps"),
        since=_since(request, seconds, since_time),
        limit_bytes=limit,
        previous=query.flag(request, "previous"),
    )


def _invalid(field: str, value: int, message: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {value}: {message}", field)


def _since(request: Request, seconds: int | None, since_time: str | None) -> datetime | None:
    if seconds is not None:
        try:
            return storage_of(request).clock.now() - timedelta(seconds=seconds)
        except OverflowError:
            # Before the first time that datetime can express, so the whole log.
            return None
    if not since_time:
        return None
    try:
        # The API server passes it to the kubelet as RFC 3339 without a fraction (pod strategy, LogLocation).
        return parse_timestamp(since_time).replace(microsecond=0)
    except ValueError:
        raise BadRequest(f'parsing time "{since_time}" as "2006-01-02T15:04:05Z07:00": cannot parse') from None


def _container(pod: Object, asked: str) -> str:
    """Return the requested container; raises BadRequest if it does not exist, or if several exist and none is named."""
    name, spec = pod["metadata"]["name"], pod["spec"]
    started = [one["name"] for one in spec.get("initContainers", [])]
    main = [one["name"] for one in spec["containers"]]
    if asked:
        if asked not in started + main:
            raise BadRequest(f"container {asked} is not valid for pod {name}")
        return asked
    annotated = pod["metadata"].get("annotations", {}).get("kubectl.kubernetes.io/default-container")
    if len(main) == 1 or annotated in main:
        return str(annotated if annotated in main else main[0])
    choice = f"choose one of: [{' '.join(main)}]"
    also = f" or one of the init containers: [{' '.join(started)}]" if started else ""
    raise BadRequest(f"a container name must be specified for pod {name}, {choice}{also}")


def _check_started(pod: Object, container: str, *, previous: bool) -> None:
    """Refuse what a kubelet refuses (validateContainerLogStatus); raises BadRequest."""
    status, name = pod.get("status", {}), pod["metadata"]["name"]
    states = [*status.get("containerStatuses", []), *status.get("initContainerStatuses", [])]
    found = next((state for state in states if state["name"] == container), None)
    if found is None and not pod["spec"].get("nodeName"):
        raise BadRequest(f'pod "{name}" does not have a host assigned')
    if previous and not (found or {}).get("lastState", {}).get("terminated"):
        raise BadRequest(f'previous terminated container "{container}" in pod "{name}" not found')
    state = (found or {}).get("state", {})
    ran_before = bool((found or {}).get("lastState", {}).get("terminated"))
    if "running" in state or "terminated" in state or ran_before:
        return
    waiting = state.get("waiting", {})
    if waiting.get("reason") in {"ImagePullBackOff", "ErrImagePull"}:
        # These two messages are the kubelet's.
        failing = {
            "ImagePullBackOff": "trying and failing to pull image",
            "ErrImagePull": "image can't be pulled",
        }[waiting["reason"]]
        raise BadRequest(f'container "{container}" in pod "{name}" is waiting to start: {failing}')
    reason = waiting.get("reason") or "ContainerCreating"
    raise BadRequest(f'container "{container}" in pod "{name}" is waiting to start: {reason}')
