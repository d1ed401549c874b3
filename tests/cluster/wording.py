"""How newer API servers word what 1.32, of which the samples are, said otherwise: read as 1.32 would say it.

1.34 counts bytes where it counted characters before, which it always meant; 1.36 calls a qualified name a label key,
and quotes keys.
https://github.com/kubernetes/kubernetes/tree/master/staging/src/k8s.io/apimachinery/pkg/api/validate/content
"""

import re

_NEWER = (
    (re.compile(r"must be no more than (\d+) bytes"), r"must be no more than \1 characters"),
    (re.compile(r"\ba valid label key must\b"), "a qualified name must"),
    (re.compile(r'\["([^"\]]+)"\]'), r"[\1]"),
    (re.compile(r'\bkey "([^"]+)"'), r"key \1"),
)


def as_in_1_32(message: str) -> str:
    """Word a refusal as 1.32 does; one of its own stays as it is."""
    for newer, older in _NEWER:
        message = newer.sub(older, message)
    return message
