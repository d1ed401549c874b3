"""Adds to the document the channels that the service has registered."""

from typing import Any

from jobs_api.notifications.channels import CHANNELS
from local.openapi.schemas import NULL, PREFIX
from local.openapi.words import words


def schemas(models: dict[str, Any]) -> dict[str, Any]:
    """Return the schemas that have a member for each channel, made from the models' schemas."""
    delivery = models["DeliveryDocument"]
    channel = {"channel": {"$ref": f"{PREFIX}Channel"}}
    outcome = {one.name: {"anyOf": [{"$ref": f"{PREFIX}TestResult"}, NULL]} for one in CHANNELS}
    words.schemas["TestOutcome"]["fields"] = {one.name: f"How the {one.sends} went" for one in CHANNELS}
    return {
        "Channel": {"type": "string", "enum": [one.name for one in CHANNELS]},
        "DeliveryDocument": {**delivery, "properties": {**delivery["properties"], **channel}},
        "TestOutcome": {"type": "object", "properties": outcome},
    }


def filled(text: str) -> str:
    """Replace `{messages}` by what the channels send, and `{addresses}` by where they send it."""
    messages = _listed([f"{one.sends}s" for one in CHANNELS])
    return text.replace("{messages}", messages).replace(
        "{addresses}", _listed([f"`{one.address_field}`" for one in CHANNELS])
    )


def _listed(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
