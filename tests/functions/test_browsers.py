"""A web page of any origin may call the API with a token that it has."""

from jobs_api.model.project import Project
from tests.functions.people import Person

EXPOSED = "Location, Retry-After, X-Request-ID"


def test_a_page_of_another_origin_may_read_answers_and_errors(alice: Person) -> None:
    for answer in (alice.call("GET", "/api/v1/runs/run_none"), alice.call("GET", "/api/v1/projects/none/jobs")):
        assert answer.status == 404
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == EXPOSED


def test_no_proxy_may_cache_an_answer(alice: Person, jaffle: Project) -> None:
    jobs = f"/api/v1/projects/{jaffle.id}/jobs"
    hook = {"name": "build", "command": "dbt build", "schedule": "@daily", "webhook_url": "https://example.com/hook"}
    made, again = (alice.call("POST", jobs, hook, headers={"Idempotency-Key": "once"}) for _ in range(2))
    rotated = alice.call("POST", f"{jobs}/{made.json['id']}/notifications/rotate-secret")

    assert "webhook_secret" in made.json
    assert "webhook_secret" in rotated.json
    for answer in (made, again, rotated, alice.call("GET", jobs), alice.call("GET", "/api/v1/runs/none")):
        assert answer.headers["Cache-Control"] == "no-store"
