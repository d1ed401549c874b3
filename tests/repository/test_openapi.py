"""docs/openapi.json is what the functions say, and names every route that template.yaml has."""

import json
from pathlib import Path

from local import openapi
from local.template import read
from tests.functions.cast import ROUTES

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "docs" / "openapi.json"


def test_the_committed_document_is_current() -> None:
    assert COMMITTED.read_text() == openapi.text(read(ROOT / "template.yaml")), "run `make openapi`"


def test_every_route_is_documented_under_its_functions_name() -> None:
    paths = json.loads(COMMITTED.read_text())["paths"]
    documented = {operation["operationId"] for operations in paths.values() for operation in operations.values()}

    assert documented == {function.removeprefix("functions/") for function in ROUTES.values()}


def test_every_operation_tells_its_errors() -> None:
    paths = json.loads(COMMITTED.read_text())["paths"]

    for operations in paths.values():
        for operation in operations.values():
            (content,) = operation["responses"]["default"]["content"].values()
            assert content["schema"] == {"$ref": "#/components/schemas/Problem"}
