"""Names: those that users may choose, and the names in Kubernetes."""

import re
import string
import unicodedata
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs_api.k8s import labels
from jobs_api.model.names import (
    InvalidName,
    check_name,
    check_new_name,
    cronjob_name,
    is_dns_label,
    is_dns_subdomain,
    job_name,
    label,
    slug,
)

AT = datetime(2026, 4, 28, 12, tzinfo=UTC)
NAMES = st.text(min_size=1, max_size=100)
FEW_LETTERS = st.text(alphabet="aAéłŁ日月ßv2٢ -\u0301\u0947", max_size=6)
SLUGS = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,80}[a-z0-9])?", fullmatch=True)


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("nightly-refresh", "nightly-refresh"),
        ("Nightly Refresh", "nightly-refresh"),
        ("Nightly   (Refresh!)", "nightly-refresh"),
        ("--a--b--", "a-b"),
        ("a_b.c/d", "a-b-c-d"),
        ("Café №5", "cafe-no5"),
        ("Ünïcode ﬁle", "unicode-file"),
        ("İstanbul", "istanbul"),
        ("a日b", "a-b-312b1792"),
        ("日次 v2", "v2-0ac9f841"),
        ("Łódź", "odz-61b87354"),
        ("Проект 1", "1-a686875f"),
        ("🚀 deploy!", "deploy"),
        ("\uff11\uff12", "12"),
        ("2026", "2026"),
        ("x-1", "x-1"),
    ],
)
def test_a_slug_is_lower_case_letters_digits_and_single_dashes(name: str, written: str) -> None:
    assert slug(name) == written


def test_a_name_of_which_nothing_is_left_has_a_slug_of_its_own() -> None:
    assert slug("日本") == "x-cf2abf0c"
    assert slug("日本") != slug("東京")


def test_ways_of_typing_the_same_name_are_one_name() -> None:
    assert slug("ДАННЫЕ") == slug("данные")
    assert slug("が") == slug("か\u3099")
    assert slug("é") == slug("e\u0301")


def letters(name: str) -> list[str]:
    """Return a name's letters and digits in small letters, accents dropped."""
    apart = (c for c in unicodedata.normalize("NFKD", name) if not unicodedata.combining(c))
    return [c for c in unicodedata.normalize("NFKC", "".join(apart)).casefold() if c.isalnum()]


@given(NAMES, NAMES)
@example("日次 v2", "月次 v2")
@example("v٢", "v2")
@example("कि", "की")
def test_names_that_share_a_slug_have_the_same_letters(first: str, other: str) -> None:
    if slug(first) == slug(other):
        assert letters(first) == letters(other)


@given(FEW_LETTERS, FEW_LETTERS)
def test_names_of_few_letters_share_a_slug_only_where_they_have_the_same(name: str, other: str) -> None:
    if slug(name) == slug(other):
        assert letters(name) == letters(other)


@given(NAMES)
@example("\ud800")
def test_any_slug_is_plain_and_its_own_slug(name: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug(name))
    assert slug(slug(name)) == slug(name)


@given(NAMES, NAMES)
def test_a_cronjob_s_name_is_a_dns_label_of_at_most_52_characters(project: str, job: str) -> None:
    name = cronjob_name(project, job)
    assert is_dns_label(name)
    assert len(name) <= 52
    assert cronjob_name(slug(project), slug(job)) == name


@pytest.mark.parametrize("length", range(1, 80))
def test_names_are_whole_up_to_the_limit_and_cut_with_a_hash_beyond(length: int) -> None:
    job = "a" * length
    whole = f"p-{job}"
    assert (cronjob_name("p", job) == whole) == (len(whole) <= 52)
    assert (job_name("p", job, AT) == f"{whole}-20260428-120000") == (len(whole) <= 63 - 16)
    assert (label(job) == job) == (length <= 63)
    assert len(cronjob_name("p", job)) == min(len(whole), 52)
    assert len(job_name("p", job, AT)) == min(len(whole) + 16, 63)


def test_names_of_every_length_are_labels_within_52_and_63_and_no_two_are_the_same() -> None:
    lengths = [*range(1, 65), 99, 100]
    pairs = [("p" * project, "j" * job) for project in lengths for job in lengths]
    cronjobs = [cronjob_name(*pair) for pair in pairs]
    manual = [job_name(*pair, AT) for pair in pairs]

    assert all(is_dns_label(name) for name in [*cronjobs, *manual])
    assert max(map(len, cronjobs)) == 52
    assert max(map(len, manual)) == 63
    # The controller adds a dash and ten digits to a CronJob's name, and a pod's name adds a dash and five letters.
    assert all(is_dns_label(f"{name}-{2**32}") for name in cronjobs)
    for names in (cronjobs, manual):
        assert len(set(names)) == len(pairs)


@pytest.mark.parametrize("dashed", range(30, 60))
def test_a_name_is_never_cut_so_that_it_ends_in_a_dash_or_has_two(dashed: int) -> None:
    job = "a" * dashed + "-" + "b" * 60
    for name in (cronjob_name("p", job), job_name("p", job, AT), label(job)):
        assert is_dns_label(name)
        assert "--" not in name


@given(SLUGS, st.text("abc-", min_size=1, max_size=20).map(slug), st.text("abc-", min_size=1, max_size=20).map(slug))
def test_long_names_with_the_same_beginning_stay_apart(start: str, first: str, other: str) -> None:
    job = f"{start}{'x' * 60}"
    assert (cronjob_name("p", f"{job}-{first}") == cronjob_name("p", f"{job}-{other}")) == (first == other)
    assert (label(f"{job}-{first}") == label(f"{job}-{other}")) == (first == other)


def test_a_manual_run_is_named_for_its_time() -> None:
    assert job_name("analytics", "Nightly Refresh", AT) == "analytics-nightly-refresh-20260428-120000"
    berlin = timezone(timedelta(hours=2))
    assert job_name("analytics", "n", AT.astimezone(berlin)) == "analytics-n-20260428-120000"


def test_a_manual_run_needs_to_know_when() -> None:
    with pytest.raises(ValueError, match="aware"):
        job_name("p", "j", datetime(2026, 4, 28))  # noqa: DTZ001 - the point


@given(NAMES, NAMES, st.datetimes(timezones=st.just(UTC)))
def test_a_manual_run_s_name_is_a_dns_label(project: str, job: str, at: datetime) -> None:
    assert is_dns_label(job_name(project, job, at))


@given(NAMES)
def test_any_text_makes_a_label(value: str) -> None:
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", label(value))


@pytest.mark.parametrize("name", ["a", "7", "é", "日本", "x" * 100, "a 👩‍💻 job", "½", " a "])
def test_a_valid_name_is_accepted(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("", "1 to 100 characters"),
        ("x" * 101, "1 to 100 characters, this one has 101"),
        ("---", "at least one letter or digit"),
        (" ", "at least one letter or digit"),
        ("🎉", "at least one letter or digit"),
        ("a\nb", "no control characters"),
        ("a\0", "no control characters"),
        ("a\x85b", "no control characters"),
        ("a\u2028b", "no control characters or line breaks"),
        ("a\ud800", "no control characters"),
    ],
)
def test_an_invalid_name_is_refused(name: str, advice: str) -> None:
    with pytest.raises(InvalidName, match=advice):
        check_name(name)


@pytest.mark.parametrize("name", ["a", "org-acme", "0", "a--b", "a" * 63])
def test_a_dns_label_is_recognized(name: str) -> None:
    assert is_dns_label(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a.b", "a_b", "a\n", "é", "a" * 64])
def test_other_texts_are_not_dns_labels(name: str) -> None:
    assert not is_dns_label(name)


@pytest.mark.parametrize("name", ["a", "a.b", "0.1-x.com", ".".join(["a" * 63] * 3)])
def test_a_dns_subdomain_is_recognized(name: str) -> None:
    assert is_dns_subdomain(name)


@pytest.mark.parametrize("name", ["", ".a", "a.", "a..b", "a.-b", "A.b", "a/b", "a" * 254])
def test_other_texts_are_not_dns_subdomains(name: str) -> None:
    assert not is_dns_subdomain(name)


@pytest.mark.parametrize("name", ["jobs-api", "a", "Prod.2_x", "x" * 63])
def test_a_deployments_mark_is_its_name(name: str) -> None:
    assert labels.label_value(name) == name


@given(st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=128), st.just("x") | st.just("-"))
def test_a_name_that_is_no_labels_value_gets_a_mark_that_is(name: str, more: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", labels.label_value(name))
    assert labels.label_value(name) != labels.label_value(name + more)


def test_objects_without_a_deployment_label_are_selected_by_its_absence() -> None:
    assert labels.unlabelled_selector({labels.ORGANIZATION: "org-acme"}) == (
        "app.kubernetes.io/managed-by=jobs-api,jobs-api.dev/organization=org-acme,!jobs-api.dev/deployment"
    )


def test_a_selector_only_ever_selects_what_is_ours() -> None:
    ours = "app.kubernetes.io/managed-by=jobs-api,jobs-api.dev/deployment=jobs-api"
    assert labels.selector() == ours
    assert (
        labels.selector({labels.JOB_ID: "job_abc123", labels.TRIGGERED_BY: "manual"})
        == f"{ours},jobs-api.dev/job-id=job_abc123,jobs-api.dev/triggered-by=manual"
    )


@pytest.mark.parametrize("name", ["nightly\u202egnp", "a\u2066b"])
def test_a_new_name_reorders_no_text_but_an_old_one_may(name: str) -> None:
    with pytest.raises(InvalidName, match="reorders text"):
        check_new_name(name)
    assert check_name(name) == name
