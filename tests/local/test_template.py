"""Reads a SAM template: its names, and the features that a laptop refuses."""

import json
from pathlib import Path

import pytest

from local.bus import rules_of
from local.gateway.definition import definition_of
from local.intrinsics import Resolver, UnsupportedTemplate
from local.template import Template, read

QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/laptop-Queue"


def test_environment_variables_are_the_names_of_what_was_created(small_template: Template) -> None:
    assert small_template.environment() == {
        "LAPTOP_QUEUE": QUEUE_URL,
        "LAPTOP_QUEUE_ARN": "arn:aws:sqs:us-east-1:123456789012:laptop-Queue",
    }


def test_a_function_has_its_own_settings_over_the_common_ones(small_template: Template) -> None:
    functions = {function.logical_id: function for function in small_template.functions()}

    assert functions["HastyFunction"].timeout_seconds == 1
    assert functions["EchoFunction"].timeout_seconds == 20
    assert functions["WorkerFunction"].reserved_concurrency == 1
    assert functions["EchoFunction"].code == Path(__file__).parent / "handlers" / "echo"


def test_a_resource_whose_condition_does_not_hold_is_not_there(small_template: Template) -> None:
    assert not list(small_template.resources("AWS::DynamoDB::Table"))


def test_a_parameter_can_be_given() -> None:
    template = read(Path(__file__).with_name("template.yaml"), parameters={"Stage": "prod"})

    assert [table.name for table in template.resources("AWS::DynamoDB::Table")] == ["jobs-api-AuditTable"]
    assert definition_of(template).stage == "prod"


def test_a_disabled_rule_is_left_out(small_template: Template) -> None:
    schedules = [rule for rule in rules_of(small_template) if rule.schedule]

    assert [rule.targets[0].constant_input for rule in schedules] == ['{"tick": true}']


def test_a_template_that_was_read_before_is_not_transformed_again(tmp_path: Path) -> None:
    source = tmp_path / "template.yaml"
    source.write_text("Resources: {Jobs: {Type: AWS::Serverless::SimpleTable}}")
    first = read(source, cache=tmp_path / "cache")
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_text(kept.read_text().replace('"Jobs"', '"Others"'))

    assert [table.logical_id for table in first.resources("AWS::DynamoDB::Table")] == ["Jobs"]
    again = read(source, cache=tmp_path / "cache")
    assert [table.logical_id for table in again.resources("AWS::DynamoDB::Table")] == ["Others"]


def test_a_template_with_other_parameters_is_transformed_again(tmp_path: Path) -> None:
    source = Path(__file__).with_name("template.yaml")

    stages = [
        definition_of(read(source, parameters={"Stage": stage}, cache=tmp_path)).stage for stage in ("a", "b", "a")
    ]

    assert stages == ["a", "b", "a"]
    assert len(list(tmp_path.iterdir())) == 2


def test_two_functions_cannot_want_different_values_of_a_variable(tmp_path: Path) -> None:
    common = {"Runtime": "python3.13", "Handler": "app.f", "CodeUri": "x"}
    functions = {
        name: {
            "Type": "AWS::Serverless::Function",
            "Properties": {**common, "Environment": {"Variables": {"MODE": mode}}},
        }
        for name, mode in (("A", "fast"), ("B", "slow"))
    }
    source = tmp_path / "template.yaml"
    source.write_text(json.dumps({"Resources": functions}))

    with pytest.raises(UnsupportedTemplate, match=r"MODE to 'slow'.*it belongs in Globals"):
        read(source).environment()


def test_a_refusal_of_the_transform_is_reported_with_its_reason(tmp_path: Path) -> None:
    source = tmp_path / "template.yaml"
    source.write_text("Resources: {A: {Type: AWS::Serverless::Function, Properties: {CodeUri: x}}}")

    with pytest.raises(UnsupportedTemplate, match="Runtime and Handler needs to be present"):
        read(source)


DOCUMENT = {
    "Parameters": {"Stage": {"Default": "dev"}, "Names": {"Default": "a,b,c"}},
    "Mappings": {"Sizes": {"dev": {"Memory": 128}, "prod": {"Memory": 512}}},
    "Conditions": {
        "IsProd": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
        "IsDev": {"Fn::Not": [{"Condition": "IsProd"}]},
        "Both": {"Fn::And": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
        "Either": {"Fn::Or": [{"Condition": "IsProd"}, {"Condition": "IsDev"}]},
    },
    "Resources": {
        "Named": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": {"Fn::Sub": "${Stage}-jobs"}}},
        "Logs": {"Type": "AWS::S3::Bucket"},
        "Work": {"Type": "AWS::SQS::Queue"},
    },
}


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "AWS::Region"}, "us-east-1"),
        ({"Ref": "Named"}, "dev-jobs"),
        ({"Ref": "Logs"}, "stack-logs"),
        ({"Ref": "Work"}, "https://sqs.us-east-1.amazonaws.com/123456789012/stack-Work"),
        ({"Fn::GetAtt": ["Named", "Arn"]}, "arn:aws:dynamodb:us-east-1:123456789012:table/dev-jobs"),
        ({"Fn::GetAtt": "Logs.Arn"}, "arn:aws:s3:::stack-logs"),
        ({"Fn::GetAtt": ["Work", "QueueName"]}, "stack-Work"),
        ({"Fn::Sub": "${Named.Arn}/*"}, "arn:aws:dynamodb:us-east-1:123456789012:table/dev-jobs/*"),
        ({"Fn::Sub": ["${x}-${!y}-${Logs}", {"x": {"Ref": "Stage"}}]}, "dev-${y}-stack-logs"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Stage"}]]}, "a/dev"),
        ({"Fn::Select": [1, {"Fn::Split": [",", {"Ref": "Names"}]}]}, "b"),
        ({"Fn::If": ["IsProd", 1, 2]}, 2),
        ({"Fn::If": ["Both", 1, {"Fn::If": ["Either", 3, 4]}]}, 3),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "Memory"]}, 128),
        ({"kept": 1, "gone": {"Ref": "AWS::NoValue"}}, {"kept": 1}),
        ([1, {"Fn::If": ["IsProd", 2, {"Ref": "AWS::NoValue"}]}], [1]),
        ({"Condition": {"StringEquals": {"a": "b"}}}, {"Condition": {"StringEquals": {"a": "b"}}}),
    ],
)
def test_a_reference_resolves_as_in_cloudformation(value: object, resolved: object) -> None:
    assert Resolver(DOCUMENT, "stack", {}).resolve(value) == resolved


@pytest.mark.parametrize(
    "value",
    [{"Fn::ImportValue": "x"}, {"Ref": "Nothing"}, {"Fn::GetAtt": ["Named", "Nothing"]}, {"Fn::Sub": "${Nothing}"}],
)
def test_a_reference_that_is_not_understood_is_an_error(value: object) -> None:
    with pytest.raises(UnsupportedTemplate):
        Resolver(DOCUMENT, "stack", {}).resolve(value)
