"""The quota of the example manifest: it bounds what a job can take, and leaves room for one that says nothing."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from jobs_api.model.resource_bounds import STANDARD
from jobs_api.model.resources import parse_quantity

MANIFEST = Path(__file__).parents[3] / "deploy/kubernetes/jobs-api.yaml"
OBJECTS: dict[str, Any] = {made["kind"]: made for made in yaml.safe_load_all(MANIFEST.read_text())}
HARD: dict[str, str] = OBJECTS["ResourceQuota"]["spec"]["hard"]
(LIMITS,) = OBJECTS["LimitRange"]["spec"]["limits"]


def test_all_that_a_job_may_ask_for_is_bounded() -> None:
    assert {f"requests.{name}" for name in STANDARD} <= HARD.keys()
    assert {"pods", "count/jobs.batch", "count/cronjobs.batch", "requests.nvidia.com/gpu"} <= HARD.keys()


@pytest.mark.parametrize("bound", [name for name in HARD if name.split(".", 1)[-1] in STANDARD])
def test_every_bounded_resource_has_a_default(bound: str) -> None:
    part, name = bound.split(".", 1)
    default = LIMITS["defaultRequest" if part == "requests" else "default"][name]

    assert 0 < parse_quantity(default) <= parse_quantity(LIMITS["max"][name]) <= parse_quantity(HARD[bound])
