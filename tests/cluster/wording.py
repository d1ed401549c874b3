"""Translates error messages of newer API servers into those of 1.32, from which the samples are.

1.34 says bytes where older versions said characters; 1.36 calls a qualified name a label key, and quotes keys.
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
    """Return a refusal in the words of 1.32; one of 1.32 stays unchanged."""
    for newer, older in _NEWER:
        message = newer.sub(older, message)
    return message
