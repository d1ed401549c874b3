"""The environment in which a process uses an AWS on this machine as a function would, and no other."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from local.emulator.admission import SECRET_KEY
from local.intrinsics import REGION
from local.template import Template

# Variables that would make botocore use real credentials or another endpoint.
_FOREIGN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL_S3")


def environment_of(template: Template, url: str, access_key: str) -> dict[str, str]:
    """Return the functions' environment, the endpoint, and credentials that are valid only there."""
    return {
        **template.environment(),
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        # CloudWatch metrics would only fill the terminal.
        "POWERTOOLS_METRICS_DISABLED": "true",
    }


@contextmanager
def exported(environment: Mapping[str, str]) -> Iterator[None]:
    """Export an environment to this process; restore what it had before after the block."""
    before = {name: os.environ.get(name) for name in (*environment, *_FOREIGN)}
    for name in _FOREIGN:
        os.environ.pop(name, None)
    os.environ.update(environment)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
