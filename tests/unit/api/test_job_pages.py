"""Pages of jobs take as many as fit into an answer, whatever characters these have."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from jobs_api.api import job_pages


class AnyDocument(BaseModel):
    """A document whose JSON has whatever characters."""

    value: Any


@given(value=st.text() | st.text(alphabet='"\\\n\x7f/é') | st.dictionaries(st.text(), st.text()))
def test_a_document_takes_as_much_as_its_json_in_an_answer(value: Any) -> None:
    text = AnyDocument(value=value).model_dump_json()

    assert job_pages.size_in_an_answer(text) == len(json.dumps(text))
