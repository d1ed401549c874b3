"""EKS: the address of a cluster, and the bearer token that identifies this service to it."""

import base64
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from jobs_api.aws.clients import BotoCoreError, ClientError, client, signed_url
from jobs_api.errors import ClusterUnavailable

# https://github.com/kubernetes-sigs/aws-iam-authenticator#api-authorization-from-outside-a-cluster
TOKEN_PREFIX: Final = "k8s-aws-v1."  # noqa: S105 - not a secret, what every token starts with
CLUSTER_HEADER: Final = "x-k8s-aws-id"
# EKS accepts a token for 15 minutes after it was signed, whatever its URL says; the URL must be valid for a minute.
TOKEN_KEPT_SECONDS: Final = 13 * 60
URL_EXPIRES_SECONDS: Final = 60


@dataclass(frozen=True)
class Endpoint:
    """The address of a cluster's API server, and the certificate authority (PEM) for its certificate."""

    url: str
    certificate_authority: bytes


def describe(name: str) -> Endpoint:
    """Ask EKS for the address of a cluster.

    Raises:
        ClusterUnavailable: there is no such cluster, it is being created, or EKS does not answer.
    """
    try:
        cluster = client("eks").describe_cluster(name=name)["cluster"]
    except (BotoCoreError, ClientError) as error:
        raise ClusterUnavailable("The cluster of this organization cannot be found at the moment") from error
    if "endpoint" not in cluster:
        raise ClusterUnavailable("The cluster of this organization is not ready yet")
    return Endpoint(cluster["endpoint"], base64.b64decode(cluster["certificateAuthority"]["data"]))


def sign_token(name: str) -> str:
    """Sign a request to STS: its URL is the token. The cluster sends the request to learn who signed it.

    Raises:
        ClusterUnavailable: there are no credentials to sign with.
    """
    query = "Action=GetCallerIdentity&Version=2011-06-15"
    url = signed_url("sts", query, {CLUSTER_HEADER: name}, URL_EXPIRES_SECONDS)
    if url is None:
        raise ClusterUnavailable("There are no AWS credentials to reach the cluster with")
    return TOKEN_PREFIX + base64.urlsafe_b64encode(url.encode()).decode().rstrip("=")


class Tokens:
    """The token for one cluster, signed again before it expires; threads may share it.

    `clock` counts seconds, also while Lambda has frozen the process; a monotonic clock may stop then.
    """

    def __init__(self, cluster: str, clock: Callable[[], float] = time.time) -> None:
        self._cluster = cluster
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._signed_at = 0.0

    def current(self) -> str:
        """Return a token that is valid for at least another minute."""
        with self._lock:
            # After a clock was set back, it does not show the token's age.
            if self._token is None or not 0 <= self._clock() - self._signed_at <= TOKEN_KEPT_SECONDS:
                self._token, self._signed_at = sign_token(self._cluster), self._clock()
            return self._token

    def forget(self) -> None:
        """Sign a new token at the next call."""
        with self._lock:
            self._token = None
