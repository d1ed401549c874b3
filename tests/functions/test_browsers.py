"""A page in a browser, of whatever origin, may use a token that it is given."""

from tests.functions.cast import Person

EXPOSED = "Location, Retry-After, X-Request-ID"


def test_a_page_of_another_origin_may_read_answers_and_errors(alice: Person) -> None:
    for answer in (alice.call("GET", "/api/v1/runs/run_none"), alice.call("GET", "/api/v1/projects/none/jobs")):
        assert answer.status == 404
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == EXPOSED
