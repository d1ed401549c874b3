"""Masks secrets in the results of a run."""

from collections.abc import Iterable

from jobs_api.model.results import NodeResult, RunResults
from jobs_api.redaction.masking import masked


def without_secrets(results: RunResults, secrets: Iterable[str]) -> RunResults:
    """Return results whose messages have masks, also for these known secrets."""
    known, clean = list(secrets), dict[str, str]()

    def masks(node: NodeResult) -> NodeResult:
        if node.message is None:
            return node
        if node.message not in clean:
            clean[node.message] = masked(node.message, known)
        return node.model_copy(update={"message": clean[node.message]})

    return results.model_copy(update={"results": [masks(node) for node in results.results]})


def without_messages(results: RunResults) -> RunResults:
    """Return results without the messages, which may contain secrets that nobody knows any more."""
    return results.model_copy(update={"results": [one.model_copy(update={"message": None}) for one in results.results]})
