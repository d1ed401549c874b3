"""Turns what people call their projects and jobs into names that Kubernetes accepts."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime

# A CronJob's controller appends a dash and the minute (up to 10 digits), and the pod's label must hold the result:
# https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
CRONJOB_NAME_LENGTH = 52
# RFC 1123, and the length of a label's value:
# https://kubernetes.io/docs/concepts/overview/working-with-objects/names/
LABEL_LENGTH = 63
SUBDOMAIN_LENGTH = 253
NAME_LENGTH = 100

_HASH_LENGTH = 8
_DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_DNS_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_NOT_IN_SLUG = re.compile(r"[^a-z0-9]+")
# Controls, halves of surrogate pairs, and the two separators that break a line.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Zl", "Zp"})
# These characters show the text around them in another order, and so a name as another one:
# https://unicode.org/reports/tr9/
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class InvalidName(ValueError):
    """A name that breaks a rule; the text says which and what would be right."""


def check_name(name: str) -> str:
    """Return a project's or job's name if it is valid.

    Raises:
        InvalidName: it is empty or longer than 100 characters, has no letter or digit, or has a control character.
    """
    if not 1 <= len(name) <= NAME_LENGTH:
        raise InvalidName(f"a name has 1 to {NAME_LENGTH} characters, this one has {len(name)}")
    unprintable = next((c for c in name if unicodedata.category(c) in _UNPRINTABLE), None)
    if unprintable is not None:
        raise InvalidName(f"a name has no control characters or line breaks, this one has {unprintable!r}")
    if not any(c.isalnum() for c in name):
        raise InvalidName("a name has at least one letter or digit")
    return name


def check_new_name(name: str) -> str:
    """Return a name that somebody gives to a project or a job if it is valid, by the rules since 0.2.0 too.

    Raises:
        InvalidName: as `check_name`, or it has a character that shows the text around it in another order.
    """
    reordering = next((c for c in name if c in _REORDERING), None)
    if reordering is not None:
        raise InvalidName(f"a name has no control characters, this one has {reordering!r}, which reorders text")
    return check_name(name)


def slug(name: str) -> str:
    """Write a name in `a-z`, `0-9` and single dashes between them, as long as it needs to be.

    Accents are removed first, so `Café №5` is `cafe-no5`. If other letters are lost, 8 hex digits of a hash follow,
    which is the same for all ways of typing the name: `日本` is `x-` and the hash, `日次 v2` is `v2-` and the hash. So
    names that differ in letters differ in their slugs. The slug of a slug is itself.
    """
    left, loses = _left_of(name), any(map(_is_lost, _taken_apart(name)))
    if not left:
        return f"x-{_name_hash(name)}"
    return f"{left}-{_name_hash(name)}" if loses else left


def older_slug(name: str) -> str:
    """Return the slug that a name had before lost letters led to a hash; older jobs keep such a slug."""
    return _left_of(name) or f"x-{_name_hash(name)}"


def _left_of(name: str) -> str:
    return _NOT_IN_SLUG.sub("-", "".join(_taken_apart(name)).lower()).strip("-")


def _taken_apart(name: str) -> Iterator[str]:
    return (c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))


def _is_lost(character: str) -> bool:
    """Return whether a slug loses this letter, digit or vowel sign."""
    return _NOT_IN_SLUG.search(character.lower()) is not None and (
        character.isalnum() or unicodedata.category(character).startswith("M")
    )


def _name_hash(name: str) -> str:
    return _hash(unicodedata.normalize("NFKC", name).casefold())


def cronjob_name(project: str, job: str) -> str:
    """Name the CronJob of a job: `{project}-{job}` as slugs, at most 52 characters, always the same for the same two.

    A shortened name ends with 8 hex digits of the whole name's hash, so that names with the same beginning differ.
    """
    return _cut(f"{slug(project)}-{slug(job)}", CRONJOB_NAME_LENGTH)


def job_name(project: str, job: str, at: datetime) -> str:
    """Name the Kubernetes Job of a manual run: `{project}-{job}-{YYYYMMDD}-{HHMMSS}`, at most 63 characters.

    Args:
        project: its name or slug.
        job: its name or slug.
        at: when it was triggered, aware; written in UTC.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a run is aware, this one has no time zone")
    ending = f"-{at.astimezone(UTC):%Y%m%d-%H%M%S}"
    return _cut(f"{slug(project)}-{slug(job)}", LABEL_LENGTH - len(ending)) + ending


def label(value: str) -> str:
    """Write any text as a label's value: its slug, shortened to 63 characters. Ids are valid values already."""
    return _cut(slug(value), LABEL_LENGTH)


def is_dns_label(text: str) -> bool:
    """Return whether a text is a DNS label of RFC 1123, as a namespace's name must be."""
    return _DNS_LABEL.fullmatch(text) is not None


def is_dns_subdomain(text: str) -> bool:
    """Return whether a text is a DNS subdomain of at most 253 characters, as most names in Kubernetes are."""
    return len(text) <= SUBDOMAIN_LENGTH and _DNS_SUBDOMAIN.fullmatch(text) is not None


def _cut(name: str, length: int) -> str:
    if len(name) <= length:
        return name
    kept = name[: length - _HASH_LENGTH - 1].rstrip("-")
    return f"{kept}-{_hash(name)}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
