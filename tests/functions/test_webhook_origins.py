"""Stored header values are only sent to the origin for which they were given."""

from typing import Any

import pytest

from jobs_api import store
from jobs_api.model.job import Job
from jobs_api.model.project import Project
from jobs_api.model.webhook_url import origin_of
from jobs_api.sealing import webhook
from jobs_api.store.project_rows import JobRow, ProjectsRow
from tests.functions.people import Person

HOOK: dict[str, Any] = {
    "name": "build",
    "command": "dbt build",
    "schedule": "@daily",
    "webhook_enabled": True,
    "webhook_url": "https://example.com/hook",
    "webhook_headers": {"X-Token": "s3cret-value", "X-Team": "data"},
}
ELSEWHERE = "https://elsewhere.example/x"
SAME = [
    "https://example.com/other?path=1",
    "https://EXAMPLE.com/hook",
    "https://example.com:443/hook",
    "https://example.com./hook",
    "HTTPS://Example.Com.:443",
]
OTHERS = [
    ELSEWHERE,
    "https://example.com:8443/hook",
    "https://www.example.com/hook",
    "https://example.com.elsewhere.example/hook",
    "https://xn--exmple-cua.com/hook",
    "https://8.8.8.8/hook",
]


@pytest.fixture
def job(alice: Person, jaffle: Project) -> dict[str, Any]:
    created: dict[str, Any] = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", HOOK).json
    return created


def path(job: dict[str, Any]) -> str:
    return f"/api/v1/projects/{job['project_id']}/jobs/{job['id']}"


def stored(alice: Person, job: dict[str, Any]) -> Job:
    return store.get_job(alice.organization_id, job["project_id"], job["id"])[1]


def headers(alice: Person, job: dict[str, Any]) -> dict[str, str]:
    return webhook.headers_of(stored(alice, job))


@pytest.mark.parametrize("url", OTHERS)
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"webhook_headers": {"X-Token": "***", "X-Team": "***"}},
        {"webhook_headers": {"x-token": "***"}},
        {"webhook_headers": {"X-Token": "new", "X-Team": "***"}},
        {"webhook_enabled": False},
    ],
    ids=["nothing else", "all masked", "one masked in another case", "one masked", "disabled"],
)
def test_another_origin_needs_the_header_values_again(
    alice: Person, job: dict[str, Any], url: str, more: dict[str, Any]
) -> None:
    before = stored(alice, job)

    answer = alice.call("PUT", path(job), {"webhook_url": url, **more})

    assert (answer.status, answer.json["errors"]) == (
        422,
        [{"field": "webhook_headers", "message": "send the values again: webhook_url has another address now"}],
    )
    assert stored(alice, job) == before


@pytest.mark.parametrize("url", SAME)
@pytest.mark.parametrize("more", [{}, {"webhook_headers": {"X-Token": "***", "X-Team": "***"}}])
def test_the_same_origin_keeps_the_header_values(
    alice: Person, job: dict[str, Any], url: str, more: dict[str, Any]
) -> None:
    assert alice.call("PUT", path(job), {"webhook_url": url, **more}).status == 200
    assert headers(alice, job) == HOOK["webhook_headers"]


@pytest.mark.parametrize("sent", [{"X-Token": "new"}, {}, None])
def test_headers_that_are_replaced_or_removed_are_saved_too(alice: Person, job: dict[str, Any], sent: Any) -> None:
    answer = alice.call("PUT", path(job), {"webhook_url": ELSEWHERE, "webhook_headers": sent})

    assert answer.status == 200
    assert headers(alice, job) == (sent or {})
    assert alice.call("PUT", path(job), {"webhook_url": ELSEWHERE + "/y"}).status == 200


def test_the_answer_of_get_with_another_address_is_refused(alice: Person, job: dict[str, Any]) -> None:
    document = alice.call("GET", path(job)).json

    answer = alice.call("PUT", path(job), document | {"webhook_url": ELSEWHERE})

    assert answer.faulty_fields == ["webhook_headers"]


def test_the_changed_origin_is_reported_with_all_other_faults(alice: Person, job: dict[str, Any]) -> None:
    answer = alice.call("PUT", path(job), {"webhook_url": ELSEWHERE, "schedule": "never", "name": ""})

    assert sorted(answer.faulty_fields) == ["name", "schedule", "webhook_headers"]


@pytest.mark.parametrize("url", ["http://example.com", "https://10.0.0.1/", 7, "nonsense"])
def test_a_malformed_address_has_its_own_error(alice: Person, job: dict[str, Any], url: Any) -> None:
    assert alice.call("PUT", path(job), {"webhook_url": url}).faulty_fields == ["webhook_url"]


class TestWithoutAnAddress:
    def test_header_values_stay_bound_to_their_origin_without_an_url(self, alice: Person, job: dict[str, Any]) -> None:
        assert alice.call("PUT", path(job), {"webhook_enabled": False, "webhook_url": None}).status == 200

        assert alice.call("PUT", path(job), {"webhook_url": ELSEWHERE}).faulty_fields == ["webhook_headers"]
        again = alice.call("PUT", path(job), {"webhook_url": "https://example.com/again"})

        assert again.json["webhook_secret"].startswith("whsec_")
        assert headers(alice, job) == HOOK["webhook_headers"]

    def test_a_new_value_frees_no_other_value_from_its_origin(self, alice: Person, job: dict[str, Any]) -> None:
        changes = {"webhook_enabled": False, "webhook_url": None, "webhook_headers": {"X-Token": "***", "X-New": "1"}}
        assert alice.call("PUT", path(job), changes).status == 200

        assert alice.call("PUT", path(job), {"webhook_url": ELSEWHERE}).status == 422
        assert alice.call("PUT", path(job), {"webhook_url": HOOK["webhook_url"]}).status == 200

    def test_values_without_an_url_are_needed_again_with_the_first_url(self, alice: Person, jaffle: Project) -> None:
        without = {name: value for name, value in HOOK.items() if name not in {"webhook_url", "webhook_enabled"}}
        job = alice.call("POST", f"/api/v1/projects/{jaffle.id}/jobs", without).json

        assert alice.call("PUT", path(job), {"webhook_url": ELSEWHERE}).status == 422
        sent = {"webhook_url": ELSEWHERE, "webhook_headers": {"X-Token": "new"}}
        assert alice.call("PUT", path(job), sent).status == 200


class TestAJobFromBefore:
    @pytest.fixture
    def job(self, alice: Person, job: dict[str, Any]) -> dict[str, Any]:
        """A job whose row says nothing of where its headers go."""
        row = ProjectsRow.get(f"{alice.organization_id}/{job['project_id']}", f"job#{job['id']}")
        assert isinstance(row, JobRow)
        row.update(actions=[JobRow.headers_for.remove()])
        return job

    def test_header_values_of_an_older_job_belong_to_its_url(self, alice: Person, job: dict[str, Any]) -> None:
        assert alice.call("PUT", path(job), {"webhook_url": ELSEWHERE}).status == 422
        assert alice.call("PUT", path(job), {"webhook_url": "https://example.com/new"}).status == 200

    def test_an_older_job_remembers_the_origin_when_its_url_is_removed(
        self, alice: Person, job: dict[str, Any]
    ) -> None:
        assert alice.call("PUT", path(job), {"webhook_enabled": False, "webhook_url": None}).status == 200

        assert alice.call("PUT", path(job), {"webhook_url": ELSEWHERE}).status == 422
        assert alice.call("PUT", path(job), {"webhook_url": "https://example.com/new"}).status == 200


def test_an_origin_is_scheme_host_and_port() -> None:
    assert {origin_of(url) for url in SAME} == {"https://example.com:443"}
    assert (
        origin_of("https://[2001:DB8:0::1]/x") == origin_of("https://[2001:db8::1]:443/") == "https://2001:db8::1:443"
    )
