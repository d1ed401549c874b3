"""How long a function takes with a long text: an amount that linear work never needs, and quadratic work always.

The slowest text known takes 2 microseconds a character on a busy machine. Work that looks at each character, or each
piece of ten, once for every other takes 50 and more at this length. So a limit of 10 tells them apart on a machine four
times as slow, and needs no second time to be held against.
"""

import time
from collections.abc import Callable

LENGTH = 200_000
MOST_SECONDS_A_CHARACTER = 10e-6

# What a process may print over and over: names of secrets, what surrounds their values, marks that open and never end.
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
    """Say whether `function` reads a text of that length in the time that linear work needs, at best of three."""
    text = make(length)
    return any(_seconds(function, text) < length * MOST_SECONDS_A_CHARACTER for _ in range(3))


def repeated(unit: str) -> Callable[[int], str]:
    """Return what makes texts of a length out of one piece."""
    return lambda length: (unit * (length // len(unit) + 1))[:length]


def _seconds(function: Callable[[str], object], text: str) -> float:
    # Of this thread alone: others on the same machine do not count.
    began = time.thread_time()
    function(text)
    return time.thread_time() - began
