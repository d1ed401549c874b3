"""What looks like a secret is masked in what leaves for other people's screens."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.notifications.masking import masked, secret_values


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://bob:hunter2@db.example:5432/x", "postgresql://bob:***@db.example:5432/x"),
        ("redis://:hunter2@cache/0", "redis://:***@cache/0"),
        ("password=hunter2 host=db", "password=*** host=db"),
        ("Pwd=hunter2;Server=db", "Pwd=***;Server=db"),
        ("PASSWORD: hunter2", "PASSWORD: ***"),
        ('{"password": "hun ter2", "user": "bob"}', '{"password": ***, "user": "bob"}'),
        ("DBT_ENV_SECRET_TOKEN='hunter2'", "DBT_ENV_SECRET_TOKEN=***"),
        ("aws_secret_access_key = abc/def+ghi", "aws_secret_access_key = ***"),
        ("AccountKey=abc==;EndpointSuffix=x", "AccountKey=***;EndpointSuffix=x"),
        ("mysql --password hunter2 db", "mysql --password *** db"),
        ("Authorization: Bearer abcdef0123456789", "Authorization: Bearer ***"),
        ("AKIAIOSFODNN7EXAMPLE is the key", "*** is the key"),
        ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", "token ***"),
        ("xoxb-123456789012-abcdefghijkl", "***"),
        ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "***"),
        ("jat_0123456789abcdef_c2VjcmV0c2VjcmV0", "***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "***"),
        ("dapi0123456789abcdef0123456789abcdef", "***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nok", "***\nok"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "***"),
    ],
)
def test_secrets_are_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        'Binder Error: Referenced column "no_such_column" not found in FROM clause!',
        "https://example.com/a/b?c=d",
        "Got 2 results, configured to fail if != 0",
        "SELECT token_count FROM passwords_reset",
        "2026-04-28T12:00:00Z 12:34:56 main.orders",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    assert masked("could not log in as bob/s3same!", ["s3same!"]) == "could not log in as bob/***"


def test_variables_that_are_called_secret_are_known_secrets() -> None:
    environment = {
        "DB_PASSWORD": "correct horse",
        "API_TOKEN": "abc",
        "TARGET": "production",
        "SNOWFLAKE_PWD": "battery",
    }

    assert secret_values(environment) == ["correct horse", "battery"]


@given(st.text(alphabet="abcXYZ0189", min_size=8, max_size=40), st.sampled_from(["password=", "token: ", "secret='"]))
def test_no_value_of_a_secret_name_is_left(value: str, name: str) -> None:
    assert value not in masked(f"{name}{value}")
