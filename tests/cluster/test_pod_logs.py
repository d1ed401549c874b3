"""The log of a container: all of it, its last lines, since a time, and followed."""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from kubernetes import client

from tests.cluster.workloads import Eventually, ended_pod, pod, running_pod, shell

type Read = Callable[..., str]


@pytest.fixture
def wrote(core: client.CoreV1Api, namespace: str, eventually: Eventually, image: str) -> Callable[[str], Read]:
    """Return a function that runs a Python script in a Pod named `work` and returns one that reads its log."""

    def run(script: str) -> Read:
        core.create_namespaced_pod(namespace, pod("work", image, ("python", "-u", "-c", script)))
        ended_pod(core, namespace, "work", eventually)

        def read(**options: Any) -> str:
            response = core.read_namespaced_pod_log("work", namespace, _preload_content=False, **options)
            return str(response.data.decode())

        return read

    return run


def test_it_works(wrote: Callable[[str], Read]) -> None:
    # A container runtime has one pipe for each stream, and may read either first.
    output = wrote("import sys; print('out'); print('err', file=sys.stderr); print('ünï')")()
    assert sorted(output.splitlines()) == ["err", "out", "ünï"]
    assert output.index("out") < output.index("ünï")


def test_a_pod_that_wrote_nothing_has_an_empty_log(wrote: Callable[[str], Read]) -> None:
    assert wrote("pass")() == ""


def test_a_last_line_without_its_end_stays_without(wrote: Callable[[str], Read]) -> None:
    read = wrote("print('one'); print('two', end='')")
    assert read() == "one\ntwo"
    assert read(tail_lines=1) == "two"


@pytest.mark.parametrize(("lines", "expected"), [(0, ""), (1, "3\n"), (3, "1\n2\n3\n"), (100, "0\n1\n2\n3\n")])
def test_its_last_lines(wrote: Callable[[str], Read], lines: int, expected: str) -> None:
    assert wrote("for n in range(4): print(n)")(tail_lines=lines) == expected


def test_the_last_lines_of_a_long_log(wrote: Callable[[str], Read]) -> None:
    read = wrote("for n in range(50_000): print('line', n, 'of a log that is longer than one block of a file')")
    assert [line.split()[1] for line in read(tail_lines=3).splitlines()] == ["49997", "49998", "49999"]
    assert len(read().splitlines()) == 50_000


def test_a_very_long_line_stays_one_line(wrote: Callable[[str], Read]) -> None:
    read = wrote("print('x' * 100_000); print('y')")
    assert read() == "x" * 100_000 + "\ny\n"
    assert read(timestamps=True).count("\n") == 2


def test_the_parameter_limit_bytes_is_obeyed(wrote: Callable[[str], Read]) -> None:
    assert wrote("print('0123456789')")(limit_bytes=4) == "0123"


def test_with_the_time_of_each_line(wrote: Callable[[str], Read]) -> None:
    read = wrote("import time\nfor n in range(3): print(n); time.sleep(0.5)")
    stamps, texts = zip(*(line.split(" ", 1) for line in read(timestamps=True).splitlines()), strict=True)
    assert texts == ("0", "1", "2")
    times = [datetime.fromisoformat(stamp) for stamp in stamps]
    assert times == sorted(times)
    # The times are those at which the lines were read, and a busy machine reads late.
    assert times[0] < times[-1] < times[0] + timedelta(seconds=20)


def test_since_a_time(wrote: Callable[[str], Read], core: client.CoreV1Api, namespace: str) -> None:
    read = wrote("import time\nfor n in range(2): print(n); time.sleep(3.2)")
    second = read(timestamps=True).splitlines()[1].split()[0]
    whole_second = datetime.fromisoformat(second).replace(microsecond=0)
    # The official client has no sinceTime, only seconds.
    path = f"/api/v1/namespaces/{namespace}/pods/work/log"
    # The API server drops a fraction.
    query = [("sinceTime", whole_second.isoformat().replace("+00:00", ".999999Z"))]
    answer = core.api_client.call_api(
        path, "GET", query_params=query, auth_settings=["BearerToken"], _preload_content=False
    )
    assert answer[0].data == b"1\n"
    assert read(since_seconds=3600) == "0\n1\n"


def test_following_gives_lines_as_they_come_and_ends_with_the_container(
    core: client.CoreV1Api, namespace: str, eventually: Eventually, image: str
) -> None:
    # Only its deletion ends it.
    script = "import time\nfor n in range(4): print(n, flush=True); time.sleep(0.1)\ntime.sleep(90)"
    core.create_namespaced_pod(namespace, pod("work", image, ("python", "-c", script)))
    running_pod(core, namespace, "work", eventually)
    lines = _lines(core.read_namespaced_pod_log("work", namespace, follow=True, _preload_content=False))
    assert [next(lines) for _ in range(4)] == ["0", "1", "2", "3"]
    core.delete_namespaced_pod("work", namespace, grace_period_seconds=0)
    assert list(lines) == []


def _lines(response: Any) -> Iterator[str]:
    for chunk in response.stream(amt=None, decode_content=False):
        yield from chunk.decode().splitlines()


def test_following_from_the_last_line(
    core: client.CoreV1Api, namespace: str, eventually: Eventually, image: str
) -> None:
    core.create_namespaced_pod(namespace, pod("work", image, shell("echo 1; echo 2; sleep 1; echo 3")))
    running_pod(core, namespace, "work", eventually)
    eventually(lambda: core.read_namespaced_pod_log("work", namespace).startswith("1\n2\n"))
    followed = core.read_namespaced_pod_log("work", namespace, follow=True, tail_lines=1, _preload_content=False)
    assert followed.data.decode() in {"2\n3\n", "3\n"}


def test_the_log_before_the_last_restart(
    core: client.CoreV1Api, namespace: str, eventually: Eventually, image: str
) -> None:
    script = "date +%s.%N; sleep 1; mkdir /mnt/failed 2> /dev/null && exit 1; sleep 300"
    once = pod("work", image, shell(script), "OnFailure", volumeMounts=[{"name": "kept", "mountPath": "/mnt"}])
    once["spec"]["volumes"] = [{"name": "kept", "emptyDir": {}}]
    core.create_namespaced_pod(namespace, once)

    def restarted() -> bool:
        (status,) = core.read_namespaced_pod("work", namespace).status.container_statuses or [None]
        return bool(status and status.restart_count == 1 and status.state.running)

    eventually(restarted)
    now = eventually(lambda: core.read_namespaced_pod_log("work", namespace))
    before = core.read_namespaced_pod_log("work", namespace, previous=True)
    assert float(now) - float(before) > 1


def test_kubectl_logs_of_a_job(kubectl: Callable[..., str], image: str) -> None:
    kubectl("create", "job", "work", f"--image={image}", "--", "echo", "hello")
    # Before the container has started, kubectl fails.
    kubectl("wait", "--for=condition=complete", "job/work", "--timeout=60s")
    assert "hello" in kubectl("logs", "job/work")


def test_the_log_of_a_container_that_waits(core: client.CoreV1Api, namespace: str, eventually: Eventually) -> None:
    core.create_namespaced_pod(namespace, pod("work", "no-such-image-anywhere:1", ("true",)))

    eventually(lambda: core.read_namespaced_pod("work", namespace).status.container_statuses)
    with pytest.raises(client.ApiException, match="waiting to start") as refused:
        core.read_namespaced_pod_log("work", namespace)
    assert refused.value.status == 400
