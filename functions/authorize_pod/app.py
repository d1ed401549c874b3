"""The authorizer of requests that only the Pod of a run may make: checks the Pod's token, and finds its run."""

import os
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from jobs_api import cluster, store
from jobs_api.auth import pod_tokens, tokens, usage_key
from jobs_api.auth.pod_tokens import InvalidToken, PodIdentity
from jobs_api.cluster.issuer import issuer_of
from jobs_api.errors import NotFound
from jobs_api.k8s.observed_pod import observe_pod
from jobs_api.k8s.pod_run import PodRun, run_of_pod
from jobs_api.model.organization import Organization

logger = Logger()
# The role of a Pod. No user's token has it.
POD = "pod"


class Unauthorized(Exception):
    """API Gateway answers 401 if the function fails with exactly this name as its text, and 500 with any other text."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


def lambda_handler(event: dict[str, Any], _: LambdaContext) -> dict[str, Any]:
    """Return the policy for a token: a Pod may POST the artifacts of its own run; a person's token is denied that.

    The gateway keeps no answer, since a Pod may be deleted at any time. Raises ClusterError where the cluster cannot be
    asked: that is answered 500 and not 401, so that the Pod tries again.
    """
    bearer = tokens.BEARER.fullmatch((event.get("authorizationToken") or "").strip())
    if bearer is None:
        raise Unauthorized
    if tokens.TOKEN.fullmatch(bearer[1]):
        return _policy("person", "Deny", event["methodArn"])
    now = datetime.now(UTC)
    try:
        organization = store.recent_organization(pod_tokens.claimed_namespace(bearer[1]))
        identity, run = _proved(bearer[1], organization, now)
    except (InvalidToken, NotFound) as error:
        logger.warning("a pod was not authorized", error=str(error))
        raise Unauthorized from error
    context = {
        "organization_id": organization.id,
        "role": POD,
        "token_id": identity.pod,
        "pod_name": identity.pod,
        "run_id": run.run_id,
        "project_id": run.project_id,
        "job_id": run.job_id,
    }
    api_and_stage = "/".join(event["methodArn"].split("/")[:2])
    return {
        **_policy(identity.pod, "Allow", f"{api_and_stage}/POST/api/v1/runs/{run.run_id}/artifacts"),
        "usageIdentifierKey": usage_key.key_that_counts(organization, os.environ["SHARED_USAGE_KEY"], now),
        "context": context,
    }


def _proved(token: str, organization: Organization, now: datetime) -> tuple[PodIdentity, PodRun]:
    """Return the Pod that a token proves, and its run; raises InvalidToken where the Pod is gone or has no run."""
    there = cluster.connect(organization)
    issuer = issuer_of(there)
    identity = pod_tokens.verify(token, issuer.key, issuer.name, now)
    if identity.namespace != organization.namespace:
        raise InvalidToken("it is of another namespace")
    pod = there.pod_named(identity.namespace, identity.pod)
    if pod is None or pod["metadata"]["uid"] != identity.pod_uid:
        raise InvalidToken("its pod is gone")
    if observe_pod(pod).ended:
        # The command has ended, so somebody else uses its token: the stored artifacts do not change.
        raise InvalidToken("its command has ended")
    run = run_of_pod(pod)
    if run is None:
        raise InvalidToken("its pod has no run of this deployment")
    return identity, run


def _policy(principal: str, effect: str, resource: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": [resource]}
    return {"principalId": principal, "policyDocument": {"Version": "2012-10-17", "Statement": [statement]}}
