"""The texts that a run's process wrote are shown without its secrets."""

import json

from jobs_api.k8s import labels
from tests.functions.acme import Acme

SAID = "postgresql://etl:hunter22@db/dw password=hunter22"
SHOWN = "postgresql://etl:***@db/dw password=***"


def test_a_failed_run_is_recorded_without_the_secrets_of_its_own_environment(acme: Acme) -> None:
    job = acme.manifest("echo 'Database Error: no user plain-word-9'; exit 1")
    [container] = job["spec"]["template"]["spec"]["containers"]
    container["env"] = [{"name": "DB_PASSWORD", "value": "plain-word-9"}]
    acme.wait_for_end(acme.cluster.create_job(job))

    acme.ingest()

    run = acme.only_run()
    assert run.error_message
    assert run.error_message.endswith("Database Error: no user ***")
    assert "plain-word-9" in acme.log_of(run)
    live = acme.alice.call("GET", f"/api/v1/jobs/{run.job_name}").json
    assert live["message"] == run.error_message


def test_a_live_job_shows_no_secret_of_its_message_or_command(acme: Acme) -> None:
    job = acme.manifest(f"echo 'Runtime Error: {SAID}'; exit 1")
    job["metadata"]["annotations"][labels.COMMAND] = f"dbt build --vars '{SAID}'"
    acme.wait_for_end(acme.cluster.create_job(job))
    acme.ingest()

    live = acme.alice.call("GET", f"/api/v1/jobs/{acme.only_run().job_name}").json

    assert "hunter22" not in json.dumps(live)
    assert SHOWN in live["message"]
