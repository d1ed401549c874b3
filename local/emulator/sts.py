"""STS, as far as jobsctl asks it: who its credentials are, which here is the user of the laptop."""

import getpass
from urllib.parse import parse_qs
from uuid import uuid4
from xml.sax.saxutils import escape

from local.emulator.s3_answers import Answer
from local.intrinsics import ACCOUNT

# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
IDENTITY = (
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Arn>arn:aws:iam::{account}:user/{name}</Arn><UserId>{name}</UserId><Account>{account}</Account>"
    "</GetCallerIdentityResult><ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
    "</GetCallerIdentityResponse>"
)
REFUSAL = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidAction</Code>"
    "<Message>The laptop's STS knows only GetCallerIdentity</Message></Error></ErrorResponse>"
)


def answer(content: bytes) -> Answer:
    """Answer a request, whose body is a form."""
    headers = {"content-type": "text/xml"}
    if parse_qs(content.decode(errors="replace")).get("Action") != ["GetCallerIdentity"]:
        return Answer(400, headers, REFUSAL.encode())
    text = IDENTITY.format(account=ACCOUNT, name=escape(_user()), request_id=uuid4())
    return Answer(200, headers, text.encode())


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:
        return "laptop"
