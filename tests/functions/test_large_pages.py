"""Lists of the largest documents: a page ends before the answer is too large for Lambda."""

from datetime import timedelta

from jobs_api.model.answer_size import ANSWER_BYTES, count_that_fit
from jobs_api.model.project import Project
from jobs_api.model.run import RunStatus
from tests.functions.people import NOON, Person
from tests.functions.test_runs import a_run, pages

LONG = "日" * 4096


def test_runs_with_long_texts_come_each_once_in_pages_that_lambda_passes_on(alice: Person, jaffle: Project) -> None:
    runs = [
        a_run(
            jaffle,
            NOON + timedelta(minutes=minute),
            status=RunStatus.FAILED,
            command=LONG,
            error_message=LONG,
            end_time=NOON,
        )
        for minute in range(180)
    ]

    found = list(pages(alice, jaffle, limit="500"))

    assert [run_id for page in found for run_id in page] == [run.id for run in reversed(runs)]
    assert len(found) > 1


def test_a_document_that_is_larger_than_an_answer_still_comes(jaffle: Project) -> None:
    run = a_run(jaffle, command="x" * 100).document()
    too_large = run.model_copy(update={"command": "x" * ANSWER_BYTES})

    assert [count_that_fit(page) for page in ([], [run], [too_large], [too_large, run], [run, too_large])] == [
        0, 1, 1, 1, 1,
    ]  # fmt: skip
