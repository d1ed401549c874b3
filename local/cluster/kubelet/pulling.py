"""Pulls the image of a container, with retries, and reports the progress."""

from collections.abc import Callable
from pathlib import Path

from local.cluster.controllers.recorder import Note
from local.cluster.kubelet.images import PullFailed
from local.cluster.kubelet.node import Backoff, Node
from local.cluster.kubelet.status import Object


async def pull(
    node: Node, container: Object, wait_for: Callable[[str, str], None], note: Callable[[Note], None]
) -> Path:
    """Return the environment of the image that `container` (a spec) names.

    Calls `wait_for` with the reason and message of the waiting container, and `note` for each Event.
    """
    image, backoff = container["image"], Backoff(node.clock)
    while True:
        began = node.clock.now()
        try:
            return await _pull_once(node, image, container.get("imagePullPolicy"), note)
        except PullFailed as failure:
            wait_for(failure.reason, failure.message)
            note(Note("Warning", "Failed", f'Failed to pull image "{image}": {failure.message}'))
            note(Note("Warning", "Failed", f"Error: {failure.reason}"))
            if failure.reason == "ErrImagePull":
                message = f'Back-off pulling image "{image}"'
                note(Note("Normal", "BackOff", message))
                wait_for("ImagePullBackOff", f"{message}: {failure.reason}: {failure.message}")
            await backoff.wait(began)


async def _pull_once(node: Node, image: str, policy: str | None, note: Callable[[Note], None]) -> Path:
    if node.images.is_present(image):
        note(Note("Normal", "Pulled", f'Container image "{image}" already present on machine'))
        return await node.images.pull(image)
    if policy == "Never":
        raise PullFailed("ErrImageNeverPull", f'Container image "{image}" is not present with pull policy of Never')
    note(Note("Normal", "Pulling", f'Pulling image "{image}"'))
    environment = await node.images.pull(image)
    note(Note("Normal", "Pulled", f'Successfully pulled image "{image}"'))
    return environment
