"""For any sequence of requests, secret values stay the same, are sealed, and are only sent where they belong."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs_api.aws import encryption
from jobs_api.errors import InvalidRequest
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.webhook_url import origin_of
from jobs_api.sealing import environment as environment_secrets
from jobs_api.sealing import job as job_secrets
from jobs_api.sealing import webhook
from tests.a_project import MADE_AT, project

PROJECT = project()
SECRETS = {"DB_PASSWORD", "API_TOKEN"}
VALUES = st.sampled_from(["***", "first-value", "second-value", ""])
ENVIRONMENTS = st.none() | st.dictionaries(st.sampled_from(["TARGET", *sorted(SECRETS)]), VALUES)
URLS = st.sampled_from(
    [None, "https://a.example/1", "https://A.example:443/2", "https://b.example/", "https://a.example:8443"]
)
HEADERS = st.none() | st.dictionaries(
    st.sampled_from(["X-A", "x-a", "X-B"]), st.sampled_from(["***", "one", "two"]), max_size=2
)
EDITS = st.lists(
    st.fixed_dictionaries({}, optional={"environment": ENVIRONMENTS, "webhook_url": URLS, "webhook_headers": HEADERS}),
    max_size=8,
)


@pytest.fixture(autouse=True, scope="module")
def keys() -> Any:
    """Seal by writing the context beside the text."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(encryption, "seal", lambda text, **context: json.dumps([text[::-1], context]))
        patched.setattr(encryption, "unseal", _unsealed)
        yield


def _unsealed(sealed: str, **context: str) -> str:
    text, sealed_for = json.loads(sealed)
    assert sealed_for == context, "opened for something else"
    return str(text[::-1])


def new_job(environment: Mapping[str, str], *, in_clear: bool) -> Job:
    fields = {"name": "n", "command": "dbt build", "schedule": "@daily", "environment": dict(environment)}
    job = Job.new("job_n", JobSettings.of(fields, PROJECT), PROJECT, MADE_AT)
    return job if in_clear else job_secrets.with_sealed_secrets(None, job)[0]


def edited(job: Job, changes: Mapping[str, Any]) -> Job:
    after = job.changed(changes, PROJECT, MADE_AT, webhook.headers_of, environment_secrets.values_of)
    return after if after is job else job_secrets.with_sealed_secrets(job, after)[0]


def meant(now: dict[str, str], sent: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return what the environment is to be, None where it is to be refused."""
    after = {}
    for name, value in (sent or {}).items():
        if value == "***" and name in SECRETS:
            if name not in now:
                return None
            after[name] = now[name]
        else:
            after[name] = value
    return after


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(SECRETS)), st.sampled_from(["x-value", ""])), st.booleans(), EDITS)
def test_an_environment_is_what_was_said_last(begun: dict[str, str], in_clear: bool, edits: list[Any]) -> None:  # noqa: FBT001
    now, job = dict(begun), new_job(begun, in_clear=in_clear)
    for changes in edits:
        sent = {"environment": changes["environment"]} if "environment" in changes else {"description": "x"}
        wanted = meant(now, changes["environment"]) if "environment" in changes else now
        before = job
        if wanted is None:
            with pytest.raises(InvalidRequest):
                edited(job, sent)
            continue
        job = edited(job, sent)
        now = wanted
        assert environment_secrets.values_of(job) == now
        if job is not before or not in_clear:
            assert {job.settings.environment[name] for name in SECRETS & now.keys()} <= {"***"}
            assert (job.sealed_environment is None) == (not SECRETS & now.keys())


A = {"webhook_url": "https://a.example/1", "webhook_headers": {"X-A": "one"}}
B = {"webhook_url": "https://b.example/"}
MOVES = st.lists(
    st.fixed_dictionaries({}, optional={"webhook_url": URLS, "webhook_headers": HEADERS}), min_size=2, max_size=6
)


@settings(max_examples=300, deadline=None)
@given(MOVES)
@example([A, B])
@example([A, {"webhook_url": None}, B])
@example([A, {"webhook_url": None, "webhook_headers": {"X-A": "***", "X-B": "two"}}, B])
@example([{"webhook_headers": {"X-A": "one"}}, B])
@example([A, {"webhook_headers": {"X-B": "two", "x-a": "***"}}, {**B, "webhook_headers": {"X-B": "***"}}])
def test_a_header_goes_only_where_it_was_given_for(edits: list[Any]) -> None:
    job, given_for = new_job({}, in_clear=False), dict[str, set[str | None]]()
    for number, changes in enumerate(edits):
        changes = dict(changes)  # noqa: PLW2901 - with values that are all different
        if changes.get("webhook_headers"):
            headers = changes["webhook_headers"].items()
            changes["webhook_headers"] = {n: v if v == "***" else f"{v}-{number}-{n.lower()}" for n, v in headers}
        before = job
        with suppress(InvalidRequest):
            job = edited(job, changes)
        if job is before:
            continue
        url = job.settings.webhook_url
        for value in (changes.get("webhook_headers") or {}).values():
            if value != "***":
                given_for.setdefault(value, set()).add(origin_of(url) if url else before.headers_go_to)
        values = webhook.headers_of(job).values()
        assert not url or all(origin_of(url) in given_for[value] for value in values)


@settings(deadline=None)
@given(EDITS)
def test_the_same_request_again_changes_nothing(edits: list[Any]) -> None:
    job = new_job({"DB_PASSWORD": "x-value"}, in_clear=False)
    for changes in edits:
        with suppress(InvalidRequest):
            job = edited(job, changes)
            changes.pop("webhook_headers", None)
            assert edited(job, changes) is job
