"""A deployment publishes a version of every function that it changes: the alias, and so all traffic, knows no other.

What is asked is the transform that AWS runs, by the logical ids that it gives versions.
"""

import json
from typing import Any, ClassVar

import pytest

from benchmarks import versions
from deploy.configuration import PLACEHOLDER, RULE, configured, digest_of, misspelt, values_of

pytestmark = pytest.mark.slow

TEMPLATE = versions.source()
PARAMETERS = sorted(TEMPLATE["Parameters"])
FUNCTIONS = {name for name, each in TEMPLATE["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}
WITH_CLUSTER = {name for name in FUNCTIONS if "KubernetesLayer" in str(TEMPLATE["Resources"][name])}
# The template with two functions, one of them with the cluster's layer: it is transformed in a tenth of the time.
FEW = {min(WITH_CLUSTER), min(FUNCTIONS - WITH_CLUSTER)}
SOME = {
    **TEMPLATE,
    "Resources": {
        name: each
        for name, each in TEMPLATE["Resources"].items()
        if name in FEW
        or each["Type"] in {"AWS::Serverless::LayerVersion", "AWS::Serverless::Api", "AWS::Serverless::HttpApi"}
    },
}


@pytest.fixture(scope="module")
def of_some() -> dict[str, str]:
    return versions.deployed(SOME)


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return versions.deployed(TEMPLATE)


def test_every_function_has_a_version_that_its_alias_names(before: dict[str, str]) -> None:
    assert before.keys() == FUNCTIONS


def test_the_same_deployed_again_publishes_nothing(before: dict[str, str]) -> None:
    assert versions.deployed(json.loads(json.dumps(TEMPLATE))) == before


def test_another_value_of_a_parameter_is_a_new_version_of_every_function(before: dict[str, str]) -> None:
    after = versions.deployed(TEMPLATE, {"Stage": versions.other_value(TEMPLATE, "Stage")})

    assert versions.changed(before, after) == len(FUNCTIONS)


@pytest.mark.parametrize("name", PARAMETERS)
def test_another_value_of_any_parameter_is_a_new_version(name: str, of_some: dict[str, str]) -> None:
    """All functions have one digest of all parameters, so two functions show what the test above shows of each."""
    after = versions.deployed(SOME, {name: versions.other_value(TEMPLATE, name)})

    assert versions.changed(of_some, after) == len(of_some) == 2


@pytest.mark.parametrize("resource", [*versions.layers(TEMPLATE), *sorted(FUNCTIONS)[:2]])
def test_other_code_is_a_new_version(resource: str, before: dict[str, str]) -> None:
    after = versions.deployed(versions.with_content(TEMPLATE, resource))

    assert versions.changed(before, after) == len(FUNCTIONS)


@pytest.mark.parametrize(
    ("layer", "functions"),
    [("SharedLayer", FUNCTIONS), ("DependenciesLayer", FUNCTIONS), ("KubernetesLayer", WITH_CLUSTER)],
)
def test_a_layers_content_alone_is_a_new_version_of_each_function_that_has_it(layer: str, functions: set[str]) -> None:
    """PublishLambdaVersion does this, without the digest."""
    before = versions.deployed(TEMPLATE, configure=False)
    after = versions.deployed(versions.with_content(TEMPLATE, layer), configure=False)

    assert {name for name in FUNCTIONS if before[name] != after[name]} == functions


def test_a_changed_value_without_a_digest_publishes_no_version() -> None:
    before = versions.deployed(TEMPLATE, configure=False)

    assert versions.deployed(TEMPLATE, {"RunRetentionDays": "90"}, configure=False) == before


def test_the_function_itself_differs_wherever_its_version_does() -> None:
    """Lambda refuses to publish a function that is as it was: of a version's name alone CloudFormation would fail."""
    functions = [_functions({}), _functions({"ReserveConcurrency": "true"})]

    for name in FUNCTIONS:
        one, other = (each[name]["Properties"]["Environment"]["Variables"] for each in functions)
        assert one["CONFIGURATION_DIGEST"] != other["CONFIGURATION_DIGEST"]
        assert PLACEHOLDER not in (one["CONFIGURATION_DIGEST"], other["CONFIGURATION_DIGEST"])


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_stage_is_deployed_again_too(name: str) -> None:
    """A resource policy that names another endpoint, say, counts from the next deployment of the stage."""
    one, other = (_deployments(parameters) for parameters in ({}, {name: versions.other_value(TEMPLATE, name)}))

    assert len(one) == len(other) == 1
    assert one != other


class TestTheRule:
    def test_a_template_deployed_without_make_deploy_is_refused_whatever_its_parameters(self) -> None:
        for stage in TEMPLATE["Parameters"]["Stage"]["AllowedValues"]:
            assert refusals(TEMPLATE, {"Stage": stage})

    def test_the_values_that_a_template_was_made_of_are_taken(self) -> None:
        values = values_of(TEMPLATE, [], {})

        assert not refusals(configured(TEMPLATE, values), values)

    @pytest.mark.parametrize("name", PARAMETERS)
    def test_any_other_value_is_refused_and_its_parameter_named(self, name: str) -> None:
        values = values_of(TEMPLATE, [], {})

        (refusal,) = refusals(configured(TEMPLATE, values), {**values, name: versions.other_value(TEMPLATE, name)})

        assert f"{name}=" in refusal
        assert "make deploy" in refusal

    def test_a_long_value_is_shortened_in_the_message(self) -> None:
        (finding,) = [
            each["AssertDescription"]
            for each in configured(TEMPLATE, {"WebhookAllowedHosts": "h," * 2000})["Rules"][RULE]["Assertions"]
        ]

        assert len(finding) < 250

    def test_the_other_rules_of_the_template_stay(self) -> None:
        assert configured(TEMPLATE, values_of(TEMPLATE, [], {}))["Rules"].keys() == TEMPLATE["Rules"].keys()

    @pytest.mark.parametrize("name", PARAMETERS)
    def test_every_parameter_is_one_that_a_rule_can_compare_and_that_is_no_secret(self, name: str) -> None:
        assert TEMPLATE["Parameters"][name]["Type"] in {"String", "Number"}
        assert "NoEcho" not in TEMPLATE["Parameters"][name]
        # true without quotes would be "True" here and "true" for CloudFormation.
        assert type(TEMPLATE["Parameters"][name]["Default"]) in {str, int}


class TestValues:
    TEMPLATE: ClassVar[dict[str, Any]] = {
        "Parameters": {"Days": {"Default": 400}, "Cluster": {"Default": "jobs"}, "New": {}}
    }

    def test_given_parameters_come_before_deployed_ones_and_these_before_defaults(self) -> None:
        asked: list[dict[str, Any]] = [
            {"ParameterKey": "Days", "ParameterValue": "90"},
            {"ParameterKey": "Cluster", "UsePreviousValue": True},
            {"ParameterKey": "New", "UsePreviousValue": True},
        ]

        values = values_of(self.TEMPLATE, asked, {"Days": "30", "Cluster": "second", "Gone": "x"})

        assert values == {"Days": "90", "Cluster": "second", "New": ""}

    def test_a_new_stack_has_the_defaults(self) -> None:
        assert values_of(self.TEMPLATE, [], {}) == {"Days": "400", "Cluster": "jobs", "New": ""}

    def test_a_value_that_is_given_empty_is_empty(self) -> None:
        asked = [{"ParameterKey": "Cluster", "ParameterValue": ""}]

        assert values_of(self.TEMPLATE, asked, {"Cluster": "second"})["Cluster"] == ""


class TestNames:
    def test_a_misspelt_parameter_is_reported_with_the_right_name(self) -> None:
        assert misspelt(TEMPLATE, ["RunRetentionDay", "Stage"]) == {"RunRetentionDay": "RunRetentionDays?"}

    def test_an_unknown_parameter_is_reported_with_all_names(self) -> None:
        assert misspelt(TEMPLATE, ["x"])["x"] == f"one of {', '.join(TEMPLATE['Parameters'])}"


class TestDigest:
    VALUES = values_of(TEMPLATE, [], {})

    def test_the_digest_is_the_same_on_another_machine(self) -> None:
        other = json.loads(json.dumps(TEMPLATE))
        for name, resource in other["Resources"].items():
            resource["Metadata"] = {"SamResourceId": name, "BuildMethod": "makefile"}
        other["Resources"] = dict(reversed(other["Resources"].items()))

        assert digest_of(other, dict(reversed(self.VALUES.items()))) == digest_of(TEMPLATE, self.VALUES)

    def test_descriptions_and_outputs_do_not_change_the_digest(self) -> None:
        assert digest_of({**TEMPLATE, "Description": "x", "Outputs": {}}, self.VALUES) == digest_of(
            TEMPLATE, self.VALUES
        )

    def test_a_changed_resource_that_functions_use_changes_the_digest(self) -> None:
        other = json.loads(json.dumps(TEMPLATE))
        other["Resources"]["RunsTable"]["Properties"]["TableName"] = "another"

        assert digest_of(other, self.VALUES) != digest_of(TEMPLATE, self.VALUES)

    def test_the_digest_replaces_each_placeholder_and_nothing_else(self) -> None:
        ready = json.dumps(configured(TEMPLATE, self.VALUES))

        assert PLACEHOLDER not in ready
        assert ready.count(digest_of(TEMPLATE, self.VALUES)) == json.dumps({**TEMPLATE, "Rules": {}}).count(PLACEHOLDER)


def refusals(template: dict[str, Any], values: dict[str, str]) -> list[str]:
    """Return what the rule on the digest says of these values; it compares and does nothing else."""
    found = []
    for assertion in template["Rules"][RULE]["Assertions"]:
        (one, other) = assertion["Assert"]["Fn::Equals"]
        if values[one["Ref"]] != other:
            found.append(assertion["AssertDescription"])
    return found


def _functions(parameters: dict[str, str]) -> dict[str, Any]:
    return versions.of_type(_resources(parameters), "Function")


def _deployments(parameters: dict[str, str]) -> set[str]:
    resources = _resources(parameters, SOME)
    return {name for name, each in resources.items() if each["Type"] == "AWS::ApiGateway::Deployment"}


def _resources(parameters: dict[str, str], template: dict[str, Any] = TEMPLATE) -> dict[str, Any]:
    asked = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    values = values_of(TEMPLATE, asked, {})
    document: dict[str, Any] = versions.transformed(json.dumps(configured(template, values)), json.dumps(values))
    return document["Resources"]  # type: ignore[no-any-return]
