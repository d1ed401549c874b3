"""The secrets in the environment of a Job's command, which its log may contain."""

from jobs_api.k8s.json_fields import Object, mapping, members, text
from jobs_api.redaction.masking import secret_values


def secrets_of(job: Object) -> list[str]:
    """Return the secrets that stand in the environments of a Job's containers."""
    template = mapping(mapping(job.get("spec")).get("template"))
    containers = members(mapping(template.get("spec")).get("containers"))
    variables = [one for container in containers for one in members(container.get("env"))]
    return secret_values({text(one.get("name")): value for one in variables if (value := text(one.get("value")))})
