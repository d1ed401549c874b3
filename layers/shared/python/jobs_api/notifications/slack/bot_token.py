"""The bot token with which an organization's Slack messages are posted, in Secrets Manager."""

import os
import threading
from typing import TYPE_CHECKING, Final

from jobs_api.aws.clients import ClientError, client
from jobs_api.recent import Recent

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

TOKEN_SECONDS: Final = 300

_reading = threading.Lock()


def bot_token(organization_id: str) -> str | None:
    """Return an organization's bot token, at most TOKEN_SECONDS old, None where it has none."""
    with _reading:
        # One of the threads that send a batch reads the token, and the others use the cached one.
        return _tokens.get(organization_id)


def store_bot_token(organization_id: str, token: str) -> None:
    """Replace an organization's bot token; for an operator, whom AWS allows to write secrets."""
    try:
        _secrets().create_secret(Name=_name(organization_id), SecretString=token)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceExistsException":
            raise
        _secrets().put_secret_value(SecretId=_name(organization_id), SecretString=token)


def forget_bot_token(organization_id: str) -> None:
    """Delete an organization's bot token immediately, whether or not there is one; for an operator."""
    _secrets().delete_secret(SecretId=_name(organization_id), ForceDeleteWithoutRecovery=True)


def _read(organization_id: str) -> str | None:
    try:
        answer = _secrets().get_secret_value(SecretId=_name(organization_id))
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
        return None
    return answer["SecretString"].strip()


# A missing token is not cached, so that a stored one is used at once.
_tokens: Final = Recent(_read, TOKEN_SECONDS, keeps=bool)


def _name(organization_id: str) -> str:
    return os.environ["SLACK_SECRETS"] + organization_id


def _secrets() -> "SecretsManagerClient":
    return client("secretsmanager")
