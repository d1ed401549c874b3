"""The embedded API server accepts, refuses, stores and warns as a real one did.

The answers are tests/data/*_truth_sample.json; their `meta` says how they came about.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
from kubernetes import client

from tests.cluster.wording import as_in_1_32

DATA = Path(__file__).parents[1] / "data"
PATHS = {
    "CronJob": "/apis/batch/v1/namespaces/{}/cronjobs",
    "Job": "/apis/batch/v1/namespaces/{}/jobs",
    "Namespace": "/api/v1/namespaces",
}


def sample(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((DATA / f"{name}_truth_sample.json").read_text())
    return read


PODSPEC, TIMEZONES, SCHEDULES = sample("podspec"), sample("timezone"), sample("cron")


def expanded(value: Any) -> Any:
    """Build what the sample writes in short."""
    if isinstance(value, list):
        return [expanded(item) for item in value]
    if not isinstance(value, dict):
        return value
    for name, build in _GENERATORS.items():
        if name in value:
            return build(value[name])
    return {key: expanded(item) for key, item in value.items()}


_GENERATORS: dict[str, Callable[[list[Any]], Any]] = {
    "$repeat": lambda given: given[0] * given[1],
    "$concat": lambda given: "".join(expanded(part) for part in given),
    "$list": lambda given: [expanded(given[0])] * given[1],
    "$seq": lambda given: {given[0] % index: "v" for index in range(given[1])},
    "$seqlist": lambda given: [{"name": given[0] % index, "value": "v"} for index in range(given[1])],
}


def steps(path: str) -> list[str | int]:
    return [int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", path)]


def put(obj: Any, path: str, value: Any) -> None:
    *before, last = steps(path)
    for step in before:
        obj = obj[step] if isinstance(step, int) else obj.setdefault(step, {})
    obj[last] = value


def found(obj: Any, path: str) -> Any:
    for step in steps(path):
        obj = obj.get(step) if isinstance(step, str) else obj[step]
        if obj is None:
            return None
    return obj


class Server:
    """Posts objects with dryRun=All."""

    def __init__(self, api: client.ApiClient) -> None:
        self._api = api
        self._host = api.configuration.host

    def post(self, kind: str, namespace: str, obj: Any) -> tuple[int, Any, list[str]]:
        url = f"{self._host}{PATHS[kind].format(namespace)}?dryRun=All"
        pool: urllib3.PoolManager = self._api.rest_client.pool_manager
        headers = {"Content-Type": "application/json", **self._authorization()}
        response = pool.request("POST", url, body=json.dumps(obj), headers=headers)
        return response.status, json.loads(response.data), response.headers.getlist("Warning")

    def _authorization(self) -> dict[str, str]:
        return {"Authorization": str(self._api.configuration.get_api_key_with_prefix("authorization"))}


@pytest.fixture(scope="module")
def server(api: client.ApiClient) -> Server:
    return Server(api)


@pytest.fixture(scope="module", autouse=True)
def truth_namespace(api: client.ApiClient) -> Iterator[None]:
    core = client.CoreV1Api(api)
    core.create_namespace({"metadata": {"name": "truth-sample"}})
    yield
    core.delete_namespace("truth-sample")


def title(case: dict[str, Any]) -> str:
    return f"{case['object']}-{case['at'].rpartition('.')[2]}-{json.dumps(case['value'])[:60]}"


def parts(message: str) -> set[str]:
    """Take a message apart: Go goes through maps in any order, so the order of its faults is any."""
    message = as_in_1_32(message)
    head, _, listed = message.partition(" is invalid: ")
    if not listed.startswith("["):
        return {message}
    return {head, *re.split(r", (?=(?:spec|metadata)\.)", listed[1:-1])}


@pytest.mark.parametrize("case", PODSPEC["cases"], ids=title)
def test_an_object_is_accepted_or_refused_as_on_a_real_server(server: Server, case: dict[str, Any]) -> None:
    if case["code"] is None:
        pytest.skip("the real server gave no answer")
    obj, namespace = copy.deepcopy(PODSPEC["meta"]["base"][case["object"]]), "truth-sample"
    value = expanded(case["value"])
    if case["at"] == "url-namespace":
        namespace = value
    else:
        put(obj, case["at"], value)
    code, answer, warnings = server.post(case["object"], namespace, obj)
    assert code == case["code"], answer
    if case["message"] is not None:
        assert parts(answer["message"]) == parts(case["message"])
    elif "stored" in case:
        assert found(answer, case["at"]) == expanded(case["stored"])
    elif case["at"] != "url-namespace":
        assert found(answer, case["at"]) == value
    assert warnings == (case.get("warnings") or [])


@pytest.mark.parametrize("case", TIMEZONES["cases"], ids=lambda case: repr(case["timeZone"]))
def test_a_time_zone_is_accepted_or_refused_as_on_a_real_server(server: Server, case: dict[str, Any]) -> None:
    if "/" in case["timeZone"] and case["timeZone"].split("/")[0] in {"posix", "right"}:
        pytest.skip("a file of that host, not of IANA")
    cronjob = copy.deepcopy(PODSPEC["meta"]["base"]["CronJob"])
    cronjob["spec"]["timeZone"] = case["timeZone"]
    code, answer, _ = server.post("CronJob", "truth-sample", cronjob)
    assert code == case["code"], answer
    if case["message"] is not None and "malformed" not in case["message"]:
        assert as_in_1_32(answer["message"]) == as_in_1_32(case["message"])


@pytest.mark.parametrize("case", SCHEDULES["cases"], ids=lambda case: repr(case["expr"]))
def test_a_schedule_is_accepted_or_refused_as_on_a_real_server(server: Server, case: dict[str, Any]) -> None:
    if case["code"] is None:
        pytest.skip("the real server gave no answer")
    cronjob = copy.deepcopy(PODSPEC["meta"]["base"]["CronJob"])
    cronjob["spec"]["schedule"] = case["expr"]
    code, answer, _ = server.post("CronJob", "truth-sample", cronjob)
    assert code == case["code"], answer
    if case["message"] is not None:
        assert as_in_1_32(answer["message"]) == as_in_1_32(case["message"])
