"""Checks that a function's time is linear in the length of its text, by a limit that quadratic work exceeds.

The slowest known text takes 2 microseconds a character on a busy machine. Quadratic work over characters, or over
pieces of ten, takes 25 and more at this length. So a limit of 6 separates them even on a machine that is much slower,
without a second measurement.
"""

import time
from collections.abc import Callable

LENGTH = 100_000
MOST_SECONDS_A_CHARACTER = 6e-6

# Texts that a process may repeat: names of secrets, characters around their values, and opening marks without an end.
UNITS = (
    "a", "0f", "1", "\xe9", "\u0130", " ", "\n", "\t", "\xa0", "\\", "'", '"', "`", "{{", "[", "<", "-", "=", ":",
    "@", ".", "token", "token ", "token\n", "token 'x' ", "--token ", "tokens: 1, ", "password", "password=",
    "password='", 'password="""\n', 'password="', "password=,", "password={", "password=[", "password={{",
    "password=a;b", 'password=\\"', "password:\n", "password: |\n", "password: a b\n", "password%3D", "password\xa0",
    "password\x1b[0m=", "<password>", "<password ", "<password><![CDATA[\n", "&lt;password&gt;", "password is ",
    "password for ", "password for x ", "name: DB_PASSWORD\n", "identified by ", "api_key ", "x-api-key ", "pass ",
    "PASS=3 ", "key", "\u5bc6\u7801", "KEY.", "authorization: ", '"authorization: ', "cookie", "bearer ", "basic ",
    "mysql ", "mysql -p", "curl -u ", "docker login ", "://", "a://b:", "a://b:c@", "a://@", "x@", "a:b@", "user/x@",
    "%3a%2f%2f", "?sig=", "hooks.slack.com/services/", "-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\n",
    "-----END PRIVATE KEY-----\n", "A" * 64 + "\n", "Private-Lines: 1\n", "eyJ", "eyJaaaaaaaa.", "SG.aaaaaaaaa.",
    "ghp_", "sk-", "jat_a_", "8Q~", "\x1b[", "* a\n", "w\n", "Traceback (most recent call last):\n",
    '  File "x", line 1\n', "ValueError: x\n", "Failure in model a (b)\n", "Database Error in model a (b)\n  x\n",
    "Error: x\n", "12:00:00  ", "```\n", "Failed models\n", "x Error ", '"authorization:x"', "mysql -p\u201c",
    "password=\u201c", "password=\u201c\n", "password=%22", 'password="""', "SG.aaaaaaaaa-", "1//0",
    'postgres://u:p" ', "Bearer x",
    "password....", "<td>password</td><td>", 'name="password"\n\n', "password <", "| password ", "password: &a ",
    "password</b>", "password: !x ", "password:<b>", "password ===", "--cookie ", "curl -b ", "%25",
    "password%253D%2520",
    "pass phrase ", "otp ", "password (a) ", "passwords[0] ", 'password("a", "b") ',
    '"value": "a", "name": "password"}, ', '"name": "password"', '"value": "a", ',
    "password=\\\n", "conn a/b@", "bearer=", "redis://a/", "redis://a@",
    "model tokens: a ", "password <- ", "password provided: ", "\r", "Credentials in profile a invalid: ",
)  # fmt: skip


def is_linear(function: Callable[[str], object], make: Callable[[int], str], length: int = LENGTH) -> bool:
    """Return whether the best of four times of `function` on such a text is within the limit for linear work."""
    text = make(length)
    return any(_seconds(function, text) < length * MOST_SECONDS_A_CHARACTER for _ in range(4))


def repeated(unit: str) -> Callable[[int], str]:
    """Return a function that repeats a piece up to a length."""
    return lambda length: (unit * (length // len(unit) + 1))[:length]


def _seconds(function: Callable[[str], object], text: str) -> float:
    # The time of this thread alone, without other processes.
    began = time.thread_time()
    function(text)
    return time.thread_time() - began
