"""The permissions that a deployer needs, because CloudFormation uses them for the template's resources.

The actions of a type are those of the handlers in CloudFormation's own schemas (`aws cloudformation describe-type
--type RESOURCE --type-name AWS::SQS::Queue`), without those for properties that the template does not use: replicas,
imports, provisioned concurrency, code signing, file systems, customer keys. Two types have no schema with handlers;
their actions are from the services' documentation. No AWS account has tried this. Last compared with the schemas of
August 2026, which https://github.com/pulumi/pulumi-aws-native keeps in `aws-cloudformation-schema`.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from local.intrinsics import ACCOUNT, REGION
from tests.permissions.policies import CLUSTER, STACK


class Need(NamedTuple):
    """Actions of one service, as words, and the ARN of their resource; `*` if the service has no ARNs."""

    service: str
    actions: str
    arn: Callable[[str], str]


def _arn(service: str, pattern: str) -> Callable[[str], str]:
    """Return the ARN of a resource by its logical id, under the name that CloudFormation gives it."""
    return lambda logical_id: f"arn:aws:{service}:" + pattern.format(name=f"{STACK}-{logical_id}-1A2B3C4D5E6F")


def _any(_: str) -> str:
    return "*"


HERE: Final = f"{REGION}:{ACCOUNT}"
FUNCTION: Final = _arn("lambda", f"{HERE}:function:{{name}}")
ROLE: Final = _arn("iam", f":{ACCOUNT}:role/{{name}}")
GATEWAYS_OWN_ROLE: Final = (
    f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ops.apigateway.amazonaws.com/AWSServiceRoleForAPIGateway"
)
REST_API: Final = _arn("apigateway", f"{REGION}::/restapis/a1b2c3")


def _gateway(path: str, actions: str = "DELETE GET PATCH POST") -> list[Need]:
    return [Need("apigateway", actions, _arn("apigateway", f"{REGION}::/{path}"))]


NEEDED: Final[Mapping[str, list[Need]]] = {
    "AWS::ApiGateway::Account": [
        *_gateway("account", "GET PATCH"),
        Need("iam", "GetRole PassRole", lambda _: ROLE("ApiGatewayLogsRole")),
    ],
    "AWS::ApiGateway::ApiKey": _gateway("apikeys/a1b2c3", "DELETE GET PATCH POST PUT"),
    "AWS::ApiGateway::BasePathMapping": _gateway("domainnames/jobs.example.com/basepathmappings"),
    "AWS::ApiGateway::Deployment": _gateway("restapis/a1b2c3/deployments"),
    "AWS::ApiGateway::DomainName": [
        *_gateway("domainnames/jobs.example.com", "DELETE GET PATCH POST PUT"),
        # In no schema: API Gateway makes its own role with the first domain of an account.
        # https://github.com/amplify-education/serverless-domain-manager/issues/112
        Need("iam", "CreateServiceLinkedRole", lambda _: GATEWAYS_OWN_ROLE),
    ],
    "AWS::ApiGateway::RestApi": _gateway("restapis/a1b2c3", "DELETE GET PATCH POST PUT UpdateRestApiPolicy"),
    "AWS::ApiGateway::Stage": _gateway("restapis/a1b2c3/stages/dev", "DELETE GET PATCH POST PUT"),
    "AWS::ApiGateway::UsagePlan": _gateway("usageplans/a1b2c3", "DELETE GET PATCH POST PUT"),
    "AWS::ApiGateway::UsagePlanKey": _gateway("usageplans/a1b2c3/keys", "DELETE GET POST"),
    "AWS::CloudWatch::Alarm": [
        Need(
            "cloudwatch",
            "DeleteAlarms DescribeAlarms ListTagsForResource PutMetricAlarm TagResource UntagResource",
            _arn("cloudwatch", f"{HERE}:alarm:{{name}}"),
        )
    ],
    "AWS::CloudWatch::Dashboard": [
        Need(
            "cloudwatch",
            "DeleteDashboards GetDashboard PutDashboard",
            _arn("cloudwatch", f":{ACCOUNT}:dashboard/{STACK}"),
        )
    ],
    "AWS::DynamoDB::Table": [
        Need(
            "dynamodb",
            "CreateTable DeleteTable DescribeContinuousBackups DescribeContributorInsights "
            "DescribeKinesisStreamingDestination DescribeTable DescribeTimeToLive GetResourcePolicy ListTagsOfResource "
            "TagResource UntagResource UpdateContinuousBackups UpdateTable UpdateTimeToLive",
            _arn("dynamodb", f"{HERE}:table/{{name}}"),
        )
    ],
    "AWS::EKS::AccessEntry": [
        Need("eks", "CreateAccessEntry", _arn("eks", f"{HERE}:cluster/{CLUSTER}")),
        Need(
            "eks",
            "DeleteAccessEntry DescribeAccessEntry ListAssociatedAccessPolicies TagResource UntagResource "
            "UpdateAccessEntry",
            _arn("eks", f"{HERE}:access-entry/{CLUSTER}/role/{ACCOUNT}/{{name}}/an-id"),
        ),
    ],
    "AWS::Events::EventBus": [
        Need(
            "events",
            "CreateEventBus DeleteEventBus DescribeEventBus ListTagsForResource TagResource UntagResource "
            "UpdateEventBus",
            _arn("events", f"{HERE}:event-bus/{STACK}"),
        )
    ],
    "AWS::Events::Rule": [
        Need(
            "events",
            "DeleteRule DescribeRule ListTagsForResource ListTargetsByRule PutRule PutTargets RemoveTargets "
            "TagResource UntagResource",
            # Schedules are rules on the default bus. A rule on the stack's own bus has another form of ARN.
            _arn("events", f"{HERE}:rule/{path}{{name}}"),
        )
        for path in ("", f"{STACK}/")
    ],
    "AWS::IAM::ManagedPolicy": [
        Need(
            "iam",
            "CreatePolicy CreatePolicyVersion DeletePolicy DeletePolicyVersion GetPolicy GetPolicyVersion "
            "ListEntitiesForPolicy ListPolicyVersions",
            _arn("iam", f":{ACCOUNT}:policy/{{name}}"),
        )
    ],
    "AWS::IAM::Role": [
        Need(
            "iam",
            "AttachRolePolicy CreateRole DeleteRole DeleteRolePermissionsBoundary DeleteRolePolicy DetachRolePolicy "
            "GetRole GetRolePolicy ListAttachedRolePolicies ListRolePolicies PutRolePermissionsBoundary PutRolePolicy "
            "TagRole UntagRole UpdateAssumeRolePolicy UpdateRole UpdateRoleDescription",
            ROLE,
        )
    ],
    "AWS::KMS::Alias": [
        Need("kms", "CreateAlias DeleteAlias UpdateAlias", _arn("kms", f"{HERE}:alias/{STACK}-secrets")),
        Need("kms", "CreateAlias DeleteAlias UpdateAlias", _arn("kms", f"{HERE}:key/an-id")),
        Need("kms", "ListAliases", _any),
    ],
    "AWS::KMS::Key": [
        Need("kms", "CreateKey", _any),
        Need(
            "kms",
            "DescribeKey DisableKeyRotation EnableKeyRotation GetKeyPolicy GetKeyRotationStatus ListResourceTags "
            "PutKeyPolicy ScheduleKeyDeletion TagResource UntagResource UpdateKeyDescription",
            _arn("kms", f"{HERE}:key/an-id"),
        ),
    ],
    "AWS::Lambda::Alias": [
        Need("lambda", "CreateAlias DeleteAlias GetAlias GetProvisionedConcurrencyConfig UpdateAlias", FUNCTION)
    ],
    "AWS::Lambda::EventInvokeConfig": [
        Need(
            "lambda",
            "DeleteFunctionEventInvokeConfig GetFunctionEventInvokeConfig PutFunctionEventInvokeConfig "
            "UpdateFunctionEventInvokeConfig",
            FUNCTION,
        )
    ],
    "AWS::Lambda::EventSourceMapping": [
        Need(
            "lambda",
            "CreateEventSourceMapping DeleteEventSourceMapping GetEventSourceMapping UpdateEventSourceMapping",
            _any,
        ),
        # CloudFormation's own tags, which it sets on everything that takes tags, need this too.
        Need("lambda", "ListTags TagResource UntagResource", _arn("lambda", f"{HERE}:event-source-mapping:an-id")),
    ],
    "AWS::Lambda::Function": [
        Need(
            "lambda",
            "CreateFunction DeleteFunction DeleteFunctionConcurrency GetFunction GetFunctionCodeSigningConfig "
            "GetFunctionRecursionConfig GetFunctionScalingConfig GetRuntimeManagementConfig ListTags PublishVersion "
            "PutFunctionConcurrency PutFunctionRecursionConfig TagResource UntagResource UpdateFunctionCode "
            "UpdateFunctionConfiguration",
            FUNCTION,
        ),
        Need("lambda", "GetLayerVersion", _arn("lambda", f"{HERE}:layer:SharedLayer:1")),
        Need("iam", "PassRole", ROLE),
        Need("s3", "GetObject GetObjectVersion", _arn("s3", "::aws-sam-cli-managed-default-samclisourcebucket-1/code")),
        Need("ec2", "DescribeNetworkInterfaces DescribeSecurityGroups DescribeSubnets DescribeVpcs", _any),
    ],
    "AWS::Lambda::LayerVersion": [
        Need("lambda", "DeleteLayerVersion GetLayerVersion", _arn("lambda", f"{HERE}:layer:{layer}:1"))
        for layer in ("SharedLayer", "DependenciesLayer", "KubernetesLayer")
    ]
    + [
        Need("lambda", "PublishLayerVersion", _arn("lambda", f"{HERE}:layer:{layer}"))
        for layer in ("SharedLayer", "DependenciesLayer", "KubernetesLayer")
    ],
    "AWS::Lambda::Permission": [Need("lambda", "AddPermission GetPolicy RemovePermission", FUNCTION)],
    "AWS::Lambda::Version": [
        Need(
            "lambda",
            "DeleteFunction GetFunctionConfiguration GetFunctionScalingConfig GetProvisionedConcurrencyConfig "
            "GetRuntimeManagementConfig ListVersionsByFunction PublishVersion",
            FUNCTION,
        )
    ],
    "AWS::Logs::LogGroup": [
        Need(
            "logs",
            "CreateLogGroup DeleteLogGroup DeleteRetentionPolicy DescribeIndexPolicies GetDataProtectionPolicy "
            "ListTagsForResource PutRetentionPolicy TagResource UntagResource",
            _arn("logs", f"{HERE}:log-group:{{name}}"),
        ),
        Need("logs", "DescribeLogGroups DescribeResourcePolicies", _any),
    ],
    "AWS::Logs::MetricFilter": [
        Need(
            "logs",
            "DeleteMetricFilter DescribeMetricFilters PutMetricFilter",
            lambda _: _arn("logs", f"{HERE}:log-group:{{name}}")("AccessLogs"),
        )
    ],
    "AWS::Route53::RecordSet": [
        Need(
            "route53",
            "ChangeResourceRecordSets GetHostedZone ListResourceRecordSets",
            _arn("route53", "::hostedzone/Z1"),
        ),
        Need("route53", "GetChange", _arn("route53", "::change/C1")),
    ],
    "AWS::S3::Bucket": [
        Need(
            "s3",
            "CreateBucket DeleteBucket GetBucketOwnershipControls GetBucketPublicAccessBlock GetBucketTagging "
            "GetEncryptionConfiguration GetLifecycleConfiguration ListTagsForResource PutBucketOwnershipControls "
            "PutBucketPublicAccessBlock PutBucketTagging PutEncryptionConfiguration PutLifecycleConfiguration "
            "TagResource UntagResource",
            _arn("s3", f"::{STACK}-logsbucket-1a2b3c"),
        )
    ],
    "AWS::S3::BucketPolicy": [
        Need("s3", "DeleteBucketPolicy GetBucketPolicy PutBucketPolicy", _arn("s3", f"::{STACK}-logsbucket-1a2b3c"))
    ],
    "AWS::SQS::Queue": [
        Need(
            "sqs",
            "CreateQueue DeleteQueue GetQueueAttributes GetQueueUrl ListQueueTags SetQueueAttributes TagQueue "
            "UntagQueue",
            _arn("sqs", f"{HERE}:{{name}}"),
        )
    ],
    "AWS::SQS::QueuePolicy": [
        Need("sqs", "SetQueueAttributes", lambda _: _arn("sqs", f"{HERE}:{{name}}")("NotificationsQueue"))
    ],
    "AWS::WAFv2::WebACLAssociation": [
        Need(
            "wafv2",
            "AssociateWebACL DisassociateWebACL GetWebACL GetWebACLForResource",
            _arn("wafv2", f"{HERE}:regional/webacl/jobs/an-id"),
        ),
        Need("wafv2", "AssociateWebACL DisassociateWebACL GetWebACLForResource", REST_API),
        Need("apigateway", "SetWebACL", lambda logical_id: f"{REST_API(logical_id)}/stages/dev"),
    ],
}
# SAM's own calls: it reads the stack, creates change sets, and has a bucket for uploads.
SAM: Final = [
    Need(
        "cloudformation",
        "CreateChangeSet DeleteChangeSet DescribeChangeSet DescribeStackEvents DescribeStacks ExecuteChangeSet "
        "GetTemplate GetTemplateSummary ListStackResources",
        _arn("cloudformation", f"{HERE}:stack/{stack}/an-id"),
    )
    for stack in (STACK, "aws-sam-cli-managed-default")
] + [
    Need("cloudformation", "CreateChangeSet", _arn("cloudformation", f"{REGION}:aws:transform/Serverless-2016-10-31")),
    # For a failed first deployment, a rollback that does not end, and the commands of docs/operations.md.
    Need(
        "cloudformation",
        "ContinueUpdateRollback DeleteStack DescribeStackResource",
        _arn("cloudformation", f"{HERE}:stack/{STACK}/an-id"),
    ),
    Need("cloudformation", "GetTemplateSummary ValidateTemplate", _any),
    Need(
        "s3",
        "CreateBucket GetBucketPolicy GetObject ListBucket PutBucketPolicy PutBucketPublicAccessBlock PutBucketTagging "
        "PutBucketVersioning PutEncryptionConfiguration PutObject TagResource",
        _arn("s3", "::aws-sam-cli-managed-default-samclisourcebucket-1"),
    ),
]
# `make preflight` and the first commands of docs/deploy.md.
LOOKS: Final = [Need("eks", "DescribeCluster", _arn("eks", f"{HERE}:cluster/{CLUSTER}"))]
