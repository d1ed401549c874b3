"""The forms of Kubernetes' names: each function lists the faults of a text, in Kubernetes' words.

They follow k8s.io/apimachinery/pkg/util/validation.
"""

import re
from collections.abc import Callable
from functools import lru_cache, wraps

_QUALIFIED = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_LABEL_VALUE = f"({_QUALIFIED})?"
_DNS_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_SUBDOMAIN = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
_CONFIG_KEY = "[-._a-zA-Z0-9]+"
_ALPHANUMERIC = "alphanumeric characters, '-', '_' or '.'"
_ENDS = "must start and end with an alphanumeric character"
_MAX_INT32 = (1 << 31) - 1
# Most names that a cluster checks are those of a few label keys, values and namespaces.
_REMEMBERED = 1024
_LONGEST = 253


def _remembered(check: Callable[[str], list[str]]) -> Callable[[str], list[str]]:
    """Check a text that was checked lately no second time; texts that are too long for any name are not kept."""
    kept = lru_cache(_REMEMBERED)(lambda text: tuple(check(text)))

    @wraps(check)
    def checked(text: str) -> list[str]:
        return list(kept(text)) if len(text) <= _LONGEST else check(text)

    return checked


@_remembered
def dns_label(text: str) -> list[str]:
    """Check a lower case RFC 1123 label, up to 63 characters."""
    faults = _too_long(text, 63)
    if not re.fullmatch(_DNS_LABEL, text):
        if re.fullmatch(_DNS_SUBDOMAIN, text):
            return [*faults, "must not contain dots"]
        what = f"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and {_ENDS}"
        faults.append(_pattern(what, _DNS_LABEL, "my-name", "123-abc"))
    return faults


@_remembered
def dns_subdomain(text: str) -> list[str]:
    """Check lower case RFC 1123 labels with dots between them, up to 253 characters."""
    faults = _too_long(text, 253)
    if not re.fullmatch(_DNS_SUBDOMAIN, text):
        allowed = "lower case alphanumeric characters, '-' or '.'"
        what = f"a lowercase RFC 1123 subdomain must consist of {allowed}, and {_ENDS}"
        faults.append(_pattern(what, _DNS_SUBDOMAIN, "example.com"))
    return faults


@_remembered
def qualified_name(text: str) -> list[str]:
    """Check a name with or without a domain before it, such as a label's key or a resource's name."""
    what = f"must consist of {_ALPHANUMERIC}, and {_ENDS}"
    pattern = _pattern(what, _QUALIFIED, "MyName", "my.name", "123-abc")
    parts = text.split("/")
    if len(parts) > 2:
        return [f"a qualified name {pattern} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"]
    faults = []
    if len(parts) == 2:
        prefix = ["must be non-empty"] if not parts[0] else dns_subdomain(parts[0])
        faults = [f"prefix part {fault}" for fault in prefix]
    name = parts[-1]
    if not name:
        faults.append("name part must be non-empty")
    faults.extend(f"name part {fault}" for fault in _too_long(name, 63))
    if not re.fullmatch(_QUALIFIED, name):
        faults.append(f"name part {pattern}")
    return faults


@_remembered
def label_value(text: str) -> list[str]:
    """Check the value of a label; it may be empty."""
    faults = _too_long(text, 63)
    if not re.fullmatch(_LABEL_VALUE, text):
        what = f"a valid label must be an empty string or consist of {_ALPHANUMERIC}, and {_ENDS}"
        faults.append(_pattern(what, _LABEL_VALUE, "MyValue", "my_value", "12345"))
    return faults


def variable_name(text: str) -> list[str]:
    """Check the name of an environment variable, by the relaxed rule since 1.32."""
    if not text:
        return ["environment variable name must be non-empty"]
    if any(not " " <= character <= "~" or character == "=" for character in text):
        return ["a valid environment variable name must consist only of printable ASCII characters other than '='"]
    return []


def config_key(text: str) -> list[str]:
    """Check a key of a Secret or a ConfigMap."""
    faults = _too_long(text, 253)
    if not re.fullmatch(_CONFIG_KEY, text):
        what = f"a valid config key must consist of {_ALPHANUMERIC}"
        faults.append(_pattern(what, _CONFIG_KEY, "key.name", "KEY_NAME", "key-name"))
    if text in {".", ".."}:
        faults.append(f"must not be '{text}'")
    elif text.startswith(".."):
        faults.append("must not start with '..'")
    return faults


def port_name(text: str) -> list[str]:
    """Check the name of a port, by IANA's rule for service names."""
    faults = []
    if len(text) > 15:
        faults.append("must be no more than 15 characters")
    if not re.fullmatch(r"[-a-z0-9]+", text):
        faults.append("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)")
    if not re.search(r"[a-z]", text):
        faults.append("must contain at least one letter (a-z)")
    if "--" in text:
        faults.append("must not contain consecutive hyphens")
    if text.startswith("-") or text.endswith("-"):
        faults.append("must not begin or end with a hyphen")
    return faults


def port_number(number: int) -> list[str]:
    """Check the number of a port."""
    return [] if 1 <= number <= 65535 else ["must be between 1 and 65535, inclusive"]


def user_id(number: int) -> list[str]:
    """Check the id of a user or a group."""
    return [] if 0 <= number <= _MAX_INT32 else [f"must be between 0 and {_MAX_INT32}, inclusive"]


def _too_long(text: str, limit: int) -> list[str]:
    return [f"must be no more than {limit} characters"] if len(text.encode(errors="replace")) > limit else []


def _pattern(message: str, pattern: str, *examples: str) -> str:
    listed = " or ".join(f"'{example}', " for example in examples)
    return f"{message} (e.g. {listed}regex used for validation is '{pattern}')"
