"""Texts that look like secrets are masked before others see them, and nothing else is changed."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs_api.redaction import masking
from jobs_api.redaction.masking import is_secret_name, masked, secret_values

ORDINARY = (Path(__file__).parent / "ordinary.txt").read_text()
# `S` stands for the secret, and `⏎` for the end of a line.
FORMS = (Path(__file__).parent / "secrets.txt").read_text().splitlines()
SECRETS = ["s3cr3tV4lue", "pa$$w0rd!", "Tr0ub4dor&3"]


def with_secret(form: str, secret: str) -> str:
    return form.replace("⏎", "\n").replace("§", secret)


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_left_of_a_secret_and_everything_of_what_surrounds_it(form: str) -> None:
    for secret in SECRETS:
        assert masked(with_secret(form, secret)) == with_secret(form, "***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("AKIAIOSFODNN7EXAMPLE is the key", "*** is the key"),
        ("token ghp_abcdefghijklmnopqrstuvwxyz0123456789", "token ***"),
        ("xoxb-123456789012-abcdefghijkl", "***"),
        ("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "***"),
        ("jat_0123456789abcdef_c2VjcmV0c2VjcmV0", "***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "***"),
        ("dapi0123456789abcdef0123456789abcdef-2", "***"),
        ("glpat-abcdefghij0123456789", "***"),
        ("npm_abcdefghijklmnopqrstuvwxyz0123456789", "***"),
        ("sk_live_abcdefghijklmnop", "***"),
        ("sk-proj-abcdefghijklmnop0123456789", "***"),
        ("sk-ant-api03-abcdefghijklmnop", "***"),
        ("AIzaSyA1234567890abcdefghijklmnopqrstuvw", "***"),
        ("(GOCSPX-abcdefghijklmnop)", "(***)"),
        ("https://hooks.slack.com/services/T0/B0/abcdefgh", "https://hooks.slack.com/services/***"),
        ("LS0tLS1CRUdJTiBQUklWQVRFIEtFWS0tLS0t", "***"),
        ("Basic dXNlcjpwYXNzd29yZA==", "Basic ***"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nok", "***\nok"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz\n-----END OPENSSH PRIVATE KEY-----", "***"),
        ("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nlQdG\n=abcd\n-----END PGP PRIVATE KEY BLOCK-----", "***"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE", "***"),
        ("see -----BEGIN PRIVATE KEY-----\nThe file is at fault, it says", "see ***\nThe file is at fault, it says"),
        ("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n-----END PRIVATE KEY-----\nok", "***\nok"),
        ("-----BEGIN CERTIFICATE-----\nMIIE", "-----BEGIN CERTIFICATE-----\nMIIE"),
        ("https://ghp_abcdefghijklmnopqrstuv:x-oauth-basic@github.com", "https://***:x-oauth-basic@github.com"),
        ("postgresql://bob@db/x", "postgresql://***@db/x"),
        ("postgres://u:ab/cd@ef@h/db", "postgres://u:***@h/db"),
        ("password=ab,cd host=db", "password=*** host=db"),
        ("ODBC;PWD={hunter2;x};Server=db", "ODBC;PWD={***};Server=db"),
        ("Pwd=hun ter2;Database=x", "Pwd=***;Database=x"),
        ("pw='it''s me' rest", "pw='***' rest"),
        ("user: x\npassword: correct horse\nhost: y", "user: x\npassword: ***\nhost: y"),
        ("user: x\npassword: the correct horse\nhost: y", "user: x\npassword: ***\nhost: y"),
        ("password: |\n  correct\n  horse\nhost: y", "password: |\n  ***\nhost: y"),
        ("password\x1b[0m: \x1b[31mhunter2\x1b[0m", "password\x1b[0m: \x1b[31m***"),
        ('secrets: ["a1", "b2"], x', "secrets: [***], x"),
        ("Cookie: a=b; c=d", "Cookie: ***"),
        ('-H "Authorization: Digest user=\\"x\\", r=y" -v', '-H "Authorization: Digest ***" -v'),
        ("password%3Dhunter2%26x%3D1", "password%3D***%26x%3D1"),
        ("password%20%3D%20hunter2%26x", "password%20%3D%20***%26x"),
        ("c?sv=1&sig=abc%3D&x=1", "c?sv=1&sig=***&x=1"),
        ("AccountKey=abc==;EndpointSuffix=x", "AccountKey=***;EndpointSuffix=x"),
        ('"private_key": "-----BEGIN PRIVATE KEY-----\\nMII\\n", "x": 1', '"private_key": "***", "x": 1'),
    ],
)
def test_a_secret_with_a_known_form_is_masked(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("mark", "\"'`")
@pytest.mark.parametrize(
    "form", ["x-api-key §", "--password §", "Authorization: Token §", "password §", "password is §"]
)
def test_a_secret_that_is_quoted_with_its_name_is_masked(form: str, mark: str) -> None:
    for secret in SECRETS:
        text = f"no target named {mark}{form}{mark}, it says"
        assert masked(with_secret(text, secret)) == with_secret(text, "***")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        # Go's net/url repeats the password in its error, as a port.
        ('parse "redis://:s3same!ugh@db": invalid port ":s3same!ugh"', 'parse "redis://:***@db": invalid port ":***"'),
        ("no option s3same!ugh: host=db password=s3same!ugh", "no option ***: host=db password=***"),
        # A word that occurs as a value may also be an ordinary word elsewhere.
        ("password=orders: no table orders", "password=*** no table orders"),
    ],
)
def test_a_found_secret_is_masked_wherever_the_text_repeats_it(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize("line", ORDINARY.splitlines())
def test_an_ordinary_message_stays(line: str) -> None:
    assert masked(line) == line


def test_an_ordinary_log_stays() -> None:
    assert masked(ORDINARY) == ORDINARY


def test_known_secrets_are_masked_wherever_they_stand() -> None:
    assert masked("could not log in as bob/s3same!", ["s3same!"]) == "could not log in as bob/***"


def test_a_known_secret_that_is_part_of_a_name_uncovers_nothing() -> None:
    assert "hunter22" not in masked("password=hunter22", ["password"])


@pytest.mark.parametrize(
    "name",
    [
        *("PAT", "DATABRICKS_PAT", "GITHUB_PAT_2", "AUTH_BEARER", "SESSION_COOKIE", "HMAC", "HTTP_AUTHORIZATION"),
        *("GCP_SA_KEY", "BLOB_SAS_URL", "DBT_KEYFILE_JSON", "GOOGLE_SERVICE_ACCOUNT_JSON", "SERVICEACCOUNT_INFO"),
    ],
)
def test_names_that_end_in_a_secret_s_word_are_secret(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name", ["PATCH", "COMPAT", "PAT_COUNT", "COOKIE_DOMAIN", "DBT_TARGET", "SORT_KEY", "BYPASS", "VISA_KEY", "KEYFILE"]
)
def test_names_that_only_hold_a_secret_s_word_are_not(name: str) -> None:
    assert not is_secret_name(name)


def test_variables_that_are_called_secret_are_known_secrets() -> None:
    environment = {
        "DB_PASSWORD": "correct horse",
        "API_TOKEN": "abc",
        "TARGET": "production",
        "SNOWFLAKE_PWD": "battery",
        "dbPass": "staple",
        "UNIQUE_KEY": "order_id",
    }

    assert secret_values(environment) == ["correct horse", "battery", "staple"]


# Text that is not masked by itself and may surround a secret.
ordinary = st.sampled_from([line for line in ORDINARY.splitlines() if "://" not in line and ":" not in line[-2:]])
secrets = st.text("abcdefghjkABCDEFGHJK23456789", min_size=8, max_size=40).filter(
    lambda text: any(map(str.isdigit, text)) and any(map(str.isalpha, text))
)


@given(ordinary, st.sampled_from([form for form in FORMS if "⏎" not in form]), secrets, ordinary)
def test_the_lines_around_a_secret_stay_byte_for_byte(before: str, form: str, secret: str, after: str) -> None:
    text = f"{before}\n\n{with_secret(form, secret)}\n\n{after}"

    assert masked(text).startswith(f"{before}\n\n")
    assert masked(text).endswith(f"\n\n{after}")
    assert secret not in masked(text)


PIECES = [
    *("password", "token", "api_key", "x-api-key", "Pwd", "pass", "key", "Authorization", "cookie", "bearer", "mysql"),
    *(" -p", " -u ", "--token", "://", "https://", "@", "u:", ":", "=", "=>", " ", "\n", "\r\n", "\xa0", '"', "'", "`"),
    *(
        "\\",
        '\\"',
        "%3D",
        "%26",
        "&",
        "&quot;",
        "<",
        ">",
        "</",
        "{",
        "}",
        "[",
        "]",
        "(",
        ")",
        ",",
        ";",
        ".",
        "|",
        "***",
    ),
    *("*", "is", "for", "abc", "s3cr3tV4lue", "42", "ghp_abcdefghijklmnopqrstuvwxyz", "eyJabcdefghij.a", "A" * 30),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "-----END PRIVATE KEY-----",
        "value",
        "name",
        "-",
        "_",
        "/",
        "?sig=",
        "İ",
        "{{",
        "}}",
    ),
]


@settings(max_examples=400)
@given(st.lists(st.sampled_from(PIECES), max_size=10).map("".join))
def test_a_masked_text_stays_unchanged(text: str) -> None:
    assert masked(masked(text)) == masked(text)


@settings(max_examples=400)
@given(st.lists(st.sampled_from([*PIECES, "a", "b ", "1"]), max_size=10).map("".join))
def test_a_text_that_is_not_even_searched_holds_nothing(text: str) -> None:
    assert not masking._is_harmless(text) or masking._masked_once(text, []) == text


@pytest.mark.parametrize("form", FORMS)
def test_no_form_is_left_unsearched(form: str) -> None:
    assert not masking._is_harmless(with_secret(form, "hunter2"))


def test_the_beginning_of_a_cut_secret_is_masked_too() -> None:
    assert masked("could not log in: postgres://etl:Hunter2pa…") == "could not log in: postgres://etl:***…"
    assert masked("the key ghp_abcd…") == "the key ***…"
    assert masked("as bob/s3sa…", ["s3same!ugh"]) == "as bob/***…"
    assert masked("see http://localhost:8080/a…") == "see http://localhost:8080/a…"
    assert masked("the model was not built because…") == "the model was not built because…"


@given(st.text())
def test_any_text_at_all_can_be_masked(text: str) -> None:
    assert masked(masked(text)) == masked(text)
