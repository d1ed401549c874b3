"""A job's CronJob, field by field."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api import runner
from jobs_api.k8s import labels, manifests, pod_template
from jobs_api.k8s.pod_template import Manifest
from jobs_api.model.commands import ProjectType
from jobs_api.model.job import Job
from jobs_api.model.job_settings import JobSettings
from jobs_api.model.project import Project, ProjectSettings

NOON = datetime(2026, 4, 28, 12, 0, 0, tzinfo=UTC)


def project(**settings: Any) -> Project:
    document = {"name": "Jaffle Shop", "project_type": ProjectType.DBT, "image": "dbt:1", "deployed": True, **settings}
    return Project(
        id="proj_jaffle",
        organization_id="org-acme",
        settings=ProjectSettings(**document),
        cursor_key="k",
        version=2,
        created_at=NOON,
        updated_at=NOON,
    )


def job(of: Project, **settings: Any) -> Job:
    command = f"{of.settings.project_type} run"
    document = {"name": "nightly", "command": command, "schedule": "0 2 * * *", **settings}
    return Job(
        id="job_nightly",
        organization_id="org-acme",
        project_id=of.id,
        settings=JobSettings.of(document, of),
        cronjob_name="jaffle-shop-nightly",
        version=7,
        created_at=NOON,
        updated_at=NOON,
    )


def cronjob(settings: dict[str, Any] | None = None, **job_settings: Any) -> Manifest:
    made = project(**(settings or {}))
    return manifests.cronjob(made, job(made, **job_settings), NOON)


def pod_of(manifest: Manifest) -> dict[str, Any]:
    spec = manifest["spec"]
    pod: dict[str, Any] = (spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec)["template"]["spec"]
    return pod


def container_of(manifest: Manifest) -> dict[str, Any]:
    (container,) = pod_of(manifest)["containers"]
    assert isinstance(container, dict)
    return container


def variables(manifest: Manifest) -> dict[str, str]:
    return {variable["name"]: variable.get("value", "") for variable in container_of(manifest)["env"]}


def expanded(text: str, environment: dict[str, str]) -> str:
    """Do what a kubelet does to each word of a command: `$$` is `$`, and `$(NAME)` the variable, if there is one."""

    def replacement(found: re.Match[str]) -> str:
        return "$" if found.group() == "$$" else environment.get(found.group(1), found.group())

    return re.sub(r"\$\$|\$\(([^)]*)\)", replacement, text)


def test_a_cronjob_is_in_the_namespace_of_its_organization_under_the_name_of_its_job() -> None:
    metadata = cronjob()["metadata"]
    assert (metadata["namespace"], metadata["name"]) == ("org-acme", "jaffle-shop-nightly")


def test_cronjob_job_and_pod_can_all_be_found_by_label() -> None:
    made = cronjob()
    template = made["spec"]["jobTemplate"]
    expected = {
        "app.kubernetes.io/managed-by": "jobs-api",
        "jobs-api.dev/deployment": "jobs-api",
        "jobs-api.dev/organization": "org-acme",
        "jobs-api.dev/project": "jaffle-shop",
        "jobs-api.dev/project-id": "proj_jaffle",
        "jobs-api.dev/job-id": "job_nightly",
    }
    assert made["metadata"]["labels"] == expected
    run = {**expected, "jobs-api.dev/triggered-by": "scheduled"}
    assert template["metadata"]["labels"] == template["spec"]["template"]["metadata"]["labels"] == run


def test_annotations_say_from_which_versions_it_was_made() -> None:
    annotations = cronjob(command="dbt docs generate")["metadata"]["annotations"]
    assert annotations["jobs-api.dev/job-version"] == "7"
    assert annotations["jobs-api.dev/project-version"] == "2"
    assert annotations["jobs-api.dev/command"] == "dbt docs generate"
    assert annotations["jobs-api.dev/job-type"] == "docs generate"


def test_the_job_decides_when_a_cronjob_fires_and_the_project_how() -> None:
    spec = cronjob(
        {
            "concurrency_policy": "Replace",
            "starting_deadline_seconds": 90,
            "successful_history_limit": 4,
            "failed_history_limit": 5,
            "active_deadline_seconds": 3600,
            "ttl_seconds": 7200,
        },
        schedule="*/5 * * * *",
        timezone="Europe/Berlin",
    )["spec"]
    run = spec.pop("jobTemplate")["spec"]
    assert spec == {
        "schedule": "*/5 * * * *",
        "timeZone": "Europe/Berlin",
        "concurrencyPolicy": "Replace",
        "suspend": False,
        "startingDeadlineSeconds": 90,
        "successfulJobsHistoryLimit": 4,
        "failedJobsHistoryLimit": 5,
    }
    assert run["ttlSecondsAfterFinished"] == 7200


def test_limits_of_a_job_win_over_those_of_its_project() -> None:
    own = {"concurrency_policy": "Allow", "timeout_seconds": 60, "starting_deadline_seconds": 10}
    spec = cronjob({"concurrency_policy": "Replace", "active_deadline_seconds": 3600}, **own)["spec"]
    run = spec["jobTemplate"]["spec"]

    assert (spec["concurrencyPolicy"], spec["startingDeadlineSeconds"]) == ("Allow", 10)
    assert (run["template"]["spec"]["activeDeadlineSeconds"], run["activeDeadlineSeconds"]) == (60, 60 + 15 * 60)


def test_a_run_that_takes_too_long_is_ended_with_its_pod_left_to_read_and_one_without_a_node_a_little_later() -> None:
    run = cronjob({"active_deadline_seconds": 3600})["spec"]["jobTemplate"]["spec"]

    assert run["template"]["spec"]["activeDeadlineSeconds"] == 3600
    assert run["activeDeadlineSeconds"] == 3600 + 15 * 60


@pytest.mark.parametrize(
    ("suspended", "enabled", "suspend"), [(False, True, False), (True, True, True), (False, False, True)]
)
def test_it_is_suspended_with_its_project_or_by_itself(*, suspended: bool, enabled: bool, suspend: bool) -> None:
    assert cronjob({"suspended": suspended}, enabled=enabled)["spec"]["suspend"] is suspend


def test_a_command_that_fails_is_not_tried_again_but_one_whose_node_went_is() -> None:
    run = cronjob()["spec"]["jobTemplate"]["spec"]
    assert run["backoffLimit"] == 0
    assert run["template"]["spec"]["restartPolicy"] == "Never"
    (rule,) = run["podFailurePolicy"]["rules"]
    assert rule == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


def test_a_node_that_is_not_full_stays_until_its_runs_have_ended() -> None:
    """A Pod that is moved to another node begins again, so a long run might never end."""
    scheduled = cronjob()["spec"]["jobTemplate"]["spec"]["template"]
    triggered = manifests.job(project(), job(project()), "run_1", "j", "dbt run")["spec"]["template"]

    for pod in (scheduled, triggered):
        annotations = pod["metadata"]["annotations"]
        assert annotations["karpenter.sh/do-not-disrupt"] == "true"
        assert annotations["cluster-autoscaler.kubernetes.io/safe-to-evict"] == "false"


def test_the_pod_may_do_nothing_but_run_its_command() -> None:
    made = cronjob()
    assert pod_of(made)["automountServiceAccountToken"] is False
    assert pod_of(made)["securityContext"] == {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}
    security = container_of(made)["securityContext"]
    assert security == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def test_the_command_is_words_and_no_shell() -> None:
    made = cronjob(command="dbt run --select 'models/core my model' --vars '{\"day\": \"a b\"}'")
    words = ["dbt", "run", "--select", "models/core my model", "--vars", '{"day": "a b"}']
    assert container_of(made)["command"] == words
    assert "args" not in container_of(made)


def test_words_and_values_arrive_as_they_were_written_whatever_kubernetes_expands() -> None:
    sqlmesh = {"project_type": ProjectType.SQLMESH}
    made = cronjob(sqlmesh, command="sqlmesh plan '$(HOME)' '$$x'", environment={"PASSWORD": "a$(HOME)$$b$"})
    assert [expanded(word, {"HOME": "/root"}) for word in container_of(made)["command"]][2:] == ["$(HOME)", "$$x"]
    assert expanded(variables(made)["PASSWORD"], {"HOME": "/root"}) == "a$(HOME)$$b$"


@given(st.text(alphabet="$()AB ", max_size=30))
def test_no_value_is_ever_expanded(value: str) -> None:
    made = cronjob(environment={"VALUE": value})
    assert expanded(variables(made)["VALUE"], {"A": "wrong", "AB": "wrong", "": "wrong"}) == value


def test_the_environment_has_the_variables_of_the_job_the_secrets_and_the_ids() -> None:
    made = cronjob({"environment_secret": "warehouse"}, environment={"TARGET": "prod", "EMPTY": ""})
    assert variables(made) == {
        "TARGET": "prod",
        "EMPTY": "",
        "JOBS_API_ORGANIZATION_ID": "org-acme",
        "JOBS_API_PROJECT_ID": "proj_jaffle",
        "JOBS_API_JOB_ID": "job_nightly",
    }
    assert container_of(made)["envFrom"] == [{"secretRef": {"name": "warehouse"}}]


def test_an_older_job_cannot_set_the_variables_that_identify_a_run() -> None:
    made = project()
    older = job(made)
    environment = {"JOBS_API_RUN_ID": "forged", "JOBS_API_JOB_ID": "forged", "PATH": "/kept"}
    older = older.model_copy(update={"settings": older.settings.model_copy(update={"environment": environment})})
    given = variables(manifests.cronjob(made, older, NOON))
    assert (given["JOBS_API_JOB_ID"], given["PATH"]) == ("job_nightly", "/kept")
    assert "JOBS_API_RUN_ID" not in given


def test_a_pod_gets_no_variables_of_the_namespaces_services() -> None:
    assert pod_of(cronjob())["enableServiceLinks"] is False


def test_a_project_without_secret_or_folder_leaves_them_out() -> None:
    assert not {"envFrom", "workingDir", "resources"} & container_of(cronjob()).keys()


def test_the_project_says_image_and_folder() -> None:
    container = container_of(cronjob({"image": "dbt:2", "working_directory": "/project"}))
    assert (container["image"], container["workingDir"]) == ("dbt:2", "/project")


def test_a_job_has_its_own_resources_or_the_projects() -> None:
    policy = {"resources": {"limits": {"memory": "1024Mi"}}}
    assert container_of(cronjob(policy))["resources"] == {"limits": {"memory": "1Gi"}}
    own = cronjob(policy, resources={"requests": {"cpu": "0.5"}})
    assert container_of(own)["resources"] == {"requests": {"cpu": "500m"}}


def test_the_order_in_which_variables_were_sent_changes_nothing() -> None:
    assert cronjob(environment={"A": "1", "B": "2"}) == cronjob(environment={"B": "2", "A": "1"})


def test_only_a_change_of_the_spec_changes_the_hash() -> None:
    hashes = [
        made["metadata"]["annotations"][labels.SPEC_HASH]
        for made in (cronjob(), cronjob(description="other"), cronjob(schedule="@daily"))
    ]
    assert hashes[0] == hashes[1] != hashes[2]
    assert re.fullmatch("[0-9a-f]{64}", hashes[0])


def test_a_manual_run_is_the_same_pod_with_its_own_command_and_id() -> None:
    made = project(working_directory="/project")
    nightly = job(made)
    run = manifests.job(
        made, nightly, run_id="run_1", job_name="jaffle-shop-nightly-20260428-120000", command="dbt test"
    )
    assert (run["kind"], run["metadata"]["name"]) == ("Job", "jaffle-shop-nightly-20260428-120000")
    assert run["metadata"]["namespace"] == "org-acme"
    assert run["metadata"]["labels"]["jobs-api.dev/triggered-by"] == "manual"
    assert run["metadata"]["labels"]["jobs-api.dev/run-id"] == "run_1"
    assert run["spec"]["template"]["metadata"]["labels"] == run["metadata"]["labels"]
    assert run["metadata"]["annotations"]["jobs-api.dev/command"] == "dbt test"
    assert run["metadata"]["annotations"]["jobs-api.dev/job-type"] == "test"
    assert container_of(run)["command"] == ["dbt", "test"]
    assert variables(run)["JOBS_API_RUN_ID"] == "run_1"
    scheduled = manifests.cronjob(made, nightly, NOON)
    differing = {"command", "env"}
    assert {key: value for key, value in container_of(run).items() if key not in differing} == {
        key: value for key, value in container_of(scheduled).items() if key not in differing
    }


def test_no_cronjob_owns_a_manual_run() -> None:
    made = project()
    run = manifests.job(made, job(made), run_id="run_1", job_name="once", command="dbt run")
    assert "ownerReferences" not in run["metadata"]


def test_a_project_without_artifacts_has_the_pod_that_it_always_had() -> None:
    made = pod_of(cronjob({"artifacts": False}))
    assert made == pod_of(cronjob())
    assert "volumes" not in made
    assert "DBT_TARGET_PATH" not in variables(cronjob())


def test_a_project_with_artifacts_starts_its_commands_through_the_runner() -> None:
    made = cronjob({"artifacts": True}, command="dbt build --vars '{a: b}'")
    container = container_of(made)
    started = [expanded(word, {}) for word in container["command"]]
    assert started == runner.words(["dbt", "build", "--vars", "{a: b}"])
    assert variables(made)["DBT_TARGET_PATH"] == runner.TARGET
    mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounted) == {runner.FOLDER, runner.TARGET}
    assert {volume["name"] for volume in pod_of(made)["volumes"]} == set(mounted.values())
    assert made["spec"]["jobTemplate"]["metadata"]["annotations"]["jobs-api.dev/command"].startswith("dbt build")


def test_a_pod_has_a_token_for_this_service_alone_and_none_for_the_cluster() -> None:
    made = pod_of(cronjob({"artifacts": True}))
    tokens = [
        source["serviceAccountToken"]
        for volume in made["volumes"]
        for source in volume.get("projected", {}).get("sources", [])
        if "serviceAccountToken" in source
    ]
    assert [token["audience"] for token in tokens] == ["jobs-api"]
    assert made["automountServiceAccountToken"] is False


def test_a_job_may_still_say_where_its_target_folder_is() -> None:
    made = cronjob({"artifacts": True}, environment={"DBT_TARGET_PATH": "/elsewhere"})
    assert variables(made)["DBT_TARGET_PATH"] == "/elsewhere"


def test_sqlmesh_has_no_artifacts_to_store() -> None:
    with pytest.raises(ValueError, match="only be true in a dbt project"):
        project(project_type=ProjectType.SQLMESH, artifacts=True)


def test_only_masks_of_known_secrets_are_replaced() -> None:
    env = [{"name": "MASKED", "value": "***"}, {"name": "SET", "value": "own"}, {"name": "UNKNOWN", "value": "***"}]
    pod = {"spec": {"containers": [{"name": pod_template.CONTAINER, "env": env}, {"name": "other", "env": env}]}}

    made = pod_template.with_values({"spec": {"template": pod}}, {"MASKED": "hunter2", "SET": "hunter3"})

    ours, other = made["spec"]["template"]["spec"]["containers"]
    assert ours["env"] == [{"name": "MASKED", "value": "hunter2"}, *env[1:]]
    assert other["env"] == env
