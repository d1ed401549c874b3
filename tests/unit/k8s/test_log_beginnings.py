"""A kubelet's answers for a missing or incomplete log."""

from typing import Any

import pytest

from jobs_api.k8s import log_names, pod_logs
from jobs_api.k8s.json_fields import Object
from jobs_api.k8s.observed_pod import ObservedPod, observe_pod
from tests.objects import at, ended
from tests.objects import pod as raw_pod

ID = "containerd://" + "0f" * 32


def pod(state: Object | None = None, **status: Any) -> ObservedPod:
    return observe_pod(raw_pod(state, **status))


def evicted(seconds: float = 50) -> ObservedPod:
    found = raw_pod(ended(137, seconds=seconds), phase="Failed", reason="Evicted", message="The node was low on disk.")
    found["status"]["containerStatuses"][0]["state"]["terminated"]["containerID"] = ID
    return observe_pod(found)


PATH = "/var/log/pods/org-acme_jaffle-nightly-29622840-x7k2p_pod/job/0.log"


@pytest.mark.parametrize(
    "text",
    [
        f"unable to retrieve container logs for {ID}",
        f"unable to retrieve container logs for {ID}\n",
        f'failed to try resolving symlinks in path "{PATH}": lstat {PATH}: no such file or directory',
        f'failed to open log file "{PATH}": open {PATH}: no such file or directory',
    ],
)
def test_a_message_of_the_kubelet_instead_of_a_log_is_not_a_log(text: str) -> None:
    assert pod_logs.is_excuse(text, evicted())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "unable to retrieve container logs for containerd://another",
        "unable to retrieve container logs for ",
        f"dbt: unable to retrieve container logs for {ID}",
        f"unable to retrieve container logs for {ID}\nand more",
        f"unable to retrieve container logs for {ID}" + " " * 2000,
        'failed to try resolving symlinks in path "/another/pod/0.log": lstat',
    ],
)
def test_output_of_a_command_is_a_log(text: str) -> None:
    assert not pod_logs.is_excuse(text, evicted())
    assert not pod_logs.is_excuse(f"unable to retrieve container logs for {ID}", pod())


def test_a_message_of_the_kubelet_counts_only_for_a_pod_that_was_evicted_or_lost() -> None:
    text = f"unable to retrieve container logs for {ID}"
    lost = pod(ended(137, "ContainerStatusUnknown"), phase="Failed", reason="Evicted")
    kept = raw_pod(ended(1), phase="Failed")
    kept["status"]["containerStatuses"][0]["containerID"] = ID

    assert pod_logs.is_excuse(text, lost)
    assert pod_logs.is_excuse(text, observe_pod(kept))
    assert not pod_logs.is_excuse(text, pod(ended(1), phase="Failed"))


def test_why_there_is_no_log_is_said_with_the_reason_of_the_eviction() -> None:
    why = "There is no log: the node removed it with the pod (Evicted: The node was low on disk.)"

    assert pod_logs.why_no_log(evicted()) == why
    assert pod_logs.why_no_log(pod(ended(1))) == "There is no log: the node removed it with the pod"


@pytest.mark.parametrize(
    ("seen", "begins", "ran", "lost"),
    [
        # A pass read the log during the run: its first line is still the same, or the beginning is lost.
        (at(4), at(4), 3600, False),
        (at(4), at(1800), 3600, True),
        (at(4), "", 3600, True),
        # The command had written nothing yet.
        ("", at(1800), 3600, False),
        ("", "", 3600, False),
        # No pass read the log: the run was shorter than a tick, or ingest was down.
        (None, at(4), 3600, False),
        (None, at(32), 3600, False),
        (None, at(33), 3600, True),
        (None, at(1800), 3600, True),
        (None, "", 9, False),
        (None, "", 10, True),
        (None, "no time", 3600, False),
    ],
)
def test_a_log_that_lost_its_beginning_is_distinguished_from_a_whole_one(
    seen: str | None, begins: str, ran: float, *, lost: bool
) -> None:
    why = pod_logs.why_incomplete(seen, begins, 4_000, pod(ended(0, seconds=3 + ran)))

    assert bool(why) == lost
    assert why is None or "10 MiB" in why


@pytest.mark.parametrize(
    ("begins", "size_bytes", "lost"),
    [(5, 3_000_000, True), (5, 9_000_000, True), (5, 1_000_000, False), (4, 2_000_000, False), (3, 9_000_000, False)],
)
def test_a_fast_command_has_probably_written_lines_before_the_first_readable_one(
    begins: float, size_bytes: int, *, lost: bool
) -> None:
    # The run started at second 3 and took five seconds, so no node can have rotated much away before second 4.
    assert bool(pod_logs.why_incomplete(None, at(begins), size_bytes, pod(ended(0, seconds=8)))) == lost


def test_records_of_a_replaced_pod_do_not_apply_to_the_next() -> None:
    note = log_names.log_name("jaffle-nightly-29622840-x7k2p", at(4))

    assert pod_logs.known_beginning(note, pod()) == at(4)
    assert pod_logs.known_beginning(log_names.log_name("another", at(4)), pod()) is None
    assert pod_logs.known_beginning(None, pod()) is None
    assert pod_logs.known_beginning(log_names.log_name("jaffle-nightly-29622840-x7k2p", ""), pod()) == ""
    assert [log_names.has_begun(one) for one in (None, "a ", note)] == [False, False, True]


def test_a_container_without_known_times_makes_no_statement() -> None:
    unknown = pod({"terminated": {"exitCode": 137, "reason": "ContainerStatusUnknown"}})

    assert pod_logs.why_incomplete(None, "", 0, unknown) is None
