"""Label and field selectors, as query parameters spell them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from local.cluster.errors import BadRequest
from local.cluster.kinds import Kind
from local.cluster.versions import Stored

type Object = dict[str, Any]
type Matcher = Callable[[Stored], bool]

_TOKEN = re.compile(r"\s*(?:(?P<word>[^\s,()!=<>]+)|(?P<mark>==|!=|[=!<>,()]))")
# The selectable fields of k8s.io/kubernetes/pkg/apis/*/v1/conversion.go, besides name and namespace.
_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "jobs": ("status.successful",),
    "namespaces": ("status.phase",),
    "secrets": ("type",),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
}


@dataclass(frozen=True)
class Requirement:
    """One term of a label selector; `operator` is in, notin, exists, !, > or <."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def matches(self, labels: dict[str, str]) -> bool:
        """Return whether a set of labels meets the term."""
        match self.operator:
            case "in":
                return labels.get(self.key) in self.values
            case "notin":
                return labels.get(self.key) not in self.values
            case "exists":
                return self.key in labels
            case "!":
                return self.key not in labels
            case _:
                return self._compares(labels)

    def _compares(self, labels: dict[str, str]) -> bool:
        try:
            have, bound = int(labels[self.key]), int(next(iter(self.values)))
        except (KeyError, ValueError):
            return False
        return have > bound if self.operator == ">" else have < bound


def label_matcher(selector: str) -> Matcher | None:
    """Return a function that tells whether an object's labels match, None if all do; raises BadRequest."""
    requirements = parse_labels(selector)
    if not requirements:
        return None
    return lambda stored: _matches_all(requirements, stored.labels)


def _matches_all(requirements: list[Requirement], labels: dict[str, str]) -> bool:
    return all(requirement.matches(labels) for requirement in requirements)


def parse_labels(selector: str) -> list[Requirement]:
    """Read `a=b,c!=d,e in (f,g),h notin (i),j,!k`; raises BadRequest."""
    tokens = list(_tokens(selector))
    if not tokens:
        return []
    requirements = [_requirement(tokens)]
    while tokens:
        if (found := tokens.pop(0)) != ",":
            raise _unreadable(f"found '{found}', expected: ',' or 'end of string'")
        requirements.append(_requirement(tokens))
    return requirements


def _tokens(selector: str) -> Iterator[str]:
    position, text = 0, selector.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(f"unexpected character at {position}")
        position = match.end()
        yield match["word"] or match["mark"]


def _requirement(tokens: list[str]) -> Requirement:
    key = _pop(tokens)
    if key == "!":
        return Requirement(_word(tokens), "!")
    if key in ",()=<>" or key in {"==", "!="}:
        raise _unreadable(f"found '{key}', expected: !, identifier, or 'end of string'")
    if not tokens or tokens[0] == ",":
        return Requirement(key, "exists")
    operator = _pop(tokens)
    match operator:
        case "in" | "notin":
            return Requirement(key, operator, _values(tokens))
        case "=" | "==":
            return Requirement(key, "in", frozenset([_value(tokens)]))
        case "!=":
            return Requirement(key, "notin", frozenset([_value(tokens)]))
        case ">" | "<":
            return Requirement(key, operator, frozenset([_word(tokens)]))
    raise _unreadable(f"found '{operator}', expected: in, notin, =, ==, !=, gt, lt")


def _values(tokens: list[str]) -> frozenset[str]:
    if (found := _pop(tokens)) != "(":
        raise _unreadable(f"found '{found}', expected: '('")
    values, word = set(), ""
    while (found := _pop(tokens)) != ")":
        if found == ",":
            values.add(word)
            word = ""
        else:
            word = found
    return frozenset(values | {word})


def _value(tokens: list[str]) -> str:
    """Read a value, which may be empty: `a=` and `a=,b` select the empty string."""
    return tokens.pop(0) if tokens and tokens[0] != "," else ""


def _word(tokens: list[str]) -> str:
    word = _pop(tokens)
    if word in {",", "(", ")", "=", "==", "!=", "!", "<", ">"}:
        raise _unreadable(f"found '{word}', expected: identifier")
    return word


def _pop(tokens: list[str]) -> str:
    if not tokens:
        raise _unreadable("found '', expected: identifier")
    return tokens.pop(0)


def _unreadable(why: str) -> BadRequest:
    return BadRequest(f"unable to parse requirement: {why}")


def field_matcher(kind: Kind, selector: str) -> Matcher | None:
    """Return a function that tells whether an object's fields match, None for an empty selector; raises BadRequest."""
    terms = [_field_term(kind, term) for term in re.split(r"(?<!\\),", selector) if term]
    if not terms:
        return None

    def matches(stored: Stored) -> bool:
        obj = stored.object
        return all((field_value(kind, obj, field) == value) is wanted for field, wanted, value in terms)

    return matches


def _field_term(kind: Kind, term: str) -> tuple[str, bool, str]:
    match = re.fullmatch(r"([^!=]*)(==|!=|=)(.*)", term, re.DOTALL)
    if match is None:
        raise BadRequest(f"invalid selector: '{term}'; can't understand '{term}'")
    field, operator, value = match.groups()
    if field not in {"metadata.name", "metadata.namespace", *_FIELDS.get(kind.resource, ())}:
        raise BadRequest(_unknown_field(kind, field))
    return field, operator != "!=", re.sub(r"\\(.)", r"\1", value)


def _unknown_field(kind: Kind, field: str) -> str:
    match kind.resource:
        case "pods" | "events" | "namespaces" | "secrets":
            return f"field label not supported: {field}"
        case "jobs":
            return f'field label "{field}" not supported for Job'
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def field_value(kind: Kind, obj: Object, field: str) -> str:
    """Return a selectable field as text; an unset field is "" or its zero value."""
    if kind.resource == "events" and field == "source":
        return str(obj.get("source", {}).get("component") or obj.get("reportingComponent", ""))
    if field == "status.successful":
        return str(obj.get("status", {}).get("succeeded", 0))
    if field == "spec.hostNetwork":
        return str(bool(obj["spec"].get("hostNetwork"))).lower()
    value: Any = obj
    for step in field.split("."):
        value = value.get(step, "") if isinstance(value, dict) else ""
    return str(value)
