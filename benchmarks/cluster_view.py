"""Reads a cluster over plain HTTPS, without the service, to see when an object exists."""

import base64
import time
from http import HTTPStatus
from typing import Any

import urllib3
import yaml

# The deployments that make run starts; until they end, they slow everything that is measured.
DEPLOYMENTS = ("deploy-analytics", "deploy-jaffle")


class ClusterView:
    """The organization's namespace of a running stack."""

    def __init__(self, session: dict[str, Any]) -> None:
        """Read the kubeconfig that the stack wrote."""
        with open(session["kubeconfig"]) as file:  # noqa: PTH123 - a name, as the session gives it
            config = yaml.safe_load(file)
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
        self._server = cluster["server"]
        self._namespace = f"namespaces/{session['organization_id']}"
        self._pool = urllib3.PoolManager(
            headers={"Authorization": f"Bearer {user['token']}"}, ca_cert_data=authority, maxsize=2
        )

    def has_cronjob(self, name: str) -> bool:
        """Return whether a CronJob of this name exists."""
        return self._get(f"/apis/batch/v1/{self._namespace}/cronjobs/{name}") is not None

    def has_started(self, job_name: str) -> bool:
        """Return whether a Job's process runs, or has run."""
        return any(state.keys() & {"running", "terminated"} for state in self._states(job_name))

    def has_ended(self, job_name: str) -> bool:
        """Return whether a Job's process has ended."""
        return any("terminated" in state for state in self._states(job_name))

    def wait_until_deployed(self, patience_seconds: float) -> None:
        """Return once the example projects are deployed, which the start of the stack sets off; raises TimeoutError."""
        deadline = time.monotonic() + patience_seconds
        while time.monotonic() < deadline:
            jobs = [self._get(f"/apis/batch/v1/{self._namespace}/jobs/{name}") or {} for name in DEPLOYMENTS]
            if all(job.get("status", {}).get("completionTime") for job in jobs):
                return
            time.sleep(0.2)
        raise TimeoutError("the example projects were not deployed in time")

    def change_secret(self, name: str, data: dict[str, str]) -> None:
        """Put values into a Secret, each in Base64."""
        headers = {**self._pool.headers, "Content-Type": "application/merge-patch+json"}
        url = f"{self._server}/api/v1/{self._namespace}/secrets/{name}"
        response = self._pool.request("PATCH", url, headers=headers, json={"data": data})
        assert response.status == HTTPStatus.OK, response.data.decode()

    def _states(self, job_name: str) -> list[dict[str, Any]]:
        pods = self._get(f"/api/v1/{self._namespace}/pods?labelSelector=batch.kubernetes.io/job-name%3D{job_name}")
        return [
            status["state"]
            for pod in (pods or {}).get("items", [])
            for status in pod["status"].get("containerStatuses", [])
        ]

    def _get(self, path: str) -> Any:
        response = self._pool.request("GET", self._server + path)
        return response.json() if response.status == 200 else None
