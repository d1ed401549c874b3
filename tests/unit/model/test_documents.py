"""Documents that are built from data that is valid already."""

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticSerializationError

from jobs_api.model.document import Document
from jobs_api.model.organization import Organization
from jobs_api.model.periods import Outage
from jobs_api.model.run import RunStatus
from jobs_api.trigger.request import TriggerAnswer

NOON = datetime(2026, 4, 28, 12, 0, 0, tzinfo=UTC)


def test_an_unvalidated_document_equals_a_validated_one() -> None:
    values = {"job_run_id": "run_1", "job_name": "jaffle-nightly", "status": RunStatus.PENDING}

    known, validated = TriggerAnswer.known(**values), TriggerAnswer.model_validate(values)

    assert known == validated
    assert known.model_dump_json() == validated.model_dump_json()
    assert known.message == "Run triggered successfully"


def test_its_fields_are_in_their_order_however_they_were_given() -> None:
    known = TriggerAnswer.known(status=RunStatus.PENDING, job_name="jaffle-nightly", job_run_id="run_1")

    assert list(known.model_dump()) == ["job_run_id", "job_name", "status", "message"]


def test_a_field_that_was_forgotten_is_noticed_when_it_is_shown() -> None:
    known = TriggerAnswer.known(job_run_id="run_1", job_name="jaffle-nightly")

    with pytest.raises(PydanticSerializationError):
        known.model_dump_json()


def test_a_record_is_copied_and_compared_like_any_other() -> None:
    acme = Organization.known(id="org-acme", name="Acme", created_at=NOON, outages=[])

    cut_off = acme.model_copy(update={"outages": [Outage(since=NOON)]})

    assert cut_off != acme
    assert cut_off.model_copy(update={"outages": []}) == acme


def test_an_error_that_is_logged_names_no_value() -> None:
    class Sealed(Document):
        password: int

    with pytest.raises(ValidationError) as failed:
        Sealed.model_validate({"password": "hunter22"})

    assert "hunter22" not in str(failed.value)
