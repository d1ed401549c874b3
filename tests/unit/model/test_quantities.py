"""Resources against what a real API server accepts and stores."""

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import ValidationError

from jobs_api.model import quantity as amounts
from jobs_api.model.document import faults_of
from jobs_api.model.resources import InvalidQuantity, Resources, canonical, parse_quantity, resource_faults

TRUTH: list[dict[str, Any]] = [
    case
    for case in json.loads((Path(__file__).parents[2] / "data/podspec_truth_sample.json").read_text())["cases"]
    if case["kind"] == "resources"
]


def faults(document: Any) -> dict[str, str]:
    """Return each faulty field with its message."""
    try:
        Resources.model_validate(document)
    except ValidationError as error:
        return {fault.field: fault.message for fault in faults_of(error, Resources)}
    return {}


def quantities(document: Any) -> dict[tuple[str, str], Any]:
    parts = document.items() if isinstance(document, dict) else ()
    return {(part, name): quantity for part, named in parts for name, quantity in (named or {}).items()}


def test_exactly_kubernetes_quantities_are_accepted() -> None:
    assert [case["value"] for case in TRUTH if (faults(case["value"]) == {}) != case["accepted"]] == []


def test_quantities_are_written_as_an_api_server_stores_them() -> None:
    accepted = [case for case in TRUTH if case["accepted"]]
    stored = [(quantities(case["value"]), quantities(case.get("stored", case["value"]))) for case in accepted]
    assert [
        (sent[at], canonical(str(sent[at])), kept[at])
        for sent, kept in stored
        for at in sent
        if canonical(str(sent[at])) != kept[at]
    ] == []


def test_a_text_that_is_no_quantity_gets_the_words_of_the_api_server_too() -> None:
    for case in TRUTH:
        texts = [q for q in quantities(case["value"]).values() if isinstance(q, str)]
        if case["code"] == 400 and texts:
            with pytest.raises(InvalidQuantity) as caught:
                parse_quantity(texts[0])
            assert case["message"].endswith(caught.value.kubernetes)


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("0", "0"),
        ("-0", "0"),
        ("000", "0"),
        ("0.0", "0"),
        ("1", "1"),
        ("100m", "100m"),
        ("1000m", "1"),
        ("1500m", "1500m"),
        ("1.5", "1500m"),
        ("0.1", "100m"),
        ("1024", "1024"),
        ("1000", "1k"),
        ("10000", "10k"),
        ("1024Ki", "1Mi"),
        ("1536Mi", "1536Mi"),
        ("1.5Gi", "1536Mi"),
        ("8Gi", "8Gi"),
        ("0.5Ki", "512"),
        ("0.1Ki", "102400m"),
        ("1e3", "1e3"),
        ("1000e0", "1e3"),
        ("1e5", "100e3"),
        ("1e+3", "1e+3"),
        ("12e-1", "1200e-3"),
        ("1n", "1m"),
        ("999u", "1m"),
        ("-1u", "-1m"),
        ("-1500m", "-1500m"),
        ("-2Ki", "-2Ki"),
        ("-8Ki", "-8Ki"),
        ("16Ei", "9223372036854775807"),
        ("99999999999999999999", "99999999999999999999"),
        ("100000000000000000000", "100E"),
        ("1e2147483647", "10e2147483646"),
        ("1e-2147483647", "1e-3"),
        (" 1Gi ", "1Gi"),
    ],
)
def test_a_quantity_is_stored_in_canonical_form(sent: str, stored: str) -> None:
    assert canonical(sent) == stored


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("500m", "0.5"),
        ("1.5Gi", "1610612736"),
        ("2k", "2000"),
        ("1e3", "1000"),
        ("-5", "-5"),
        ("0.0001", "0.001"),
        (".", "0"),
        ("1E", "1000000000000000000"),
        ("16Ei", "9223372036854775807"),
        ("1e2147483647", "9223372036854775807"),
        ("-1e2147483647", "-9223372036854775808"),
    ],
)
def test_the_number_of_a_quantity(text: str, number: str) -> None:
    assert parse_quantity(text) == Decimal(number)


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "'' is not a quantity; write a number and a unit, such as 500m"),
        ("1 Gi", "did you mean Gi?"),
        ("1GB", "did you mean G or Gi?"),
        ("512mb", "did you mean M or Mi?"),
        ("1K", "did you mean k or Ki?"),
        ("1gi", "did you mean Gi?"),
        ("half", "is not a quantity"),
        ("1,5", "is not a quantity"),
        ("1_000", "is not a quantity"),
        ("0x10", "is not a quantity"),
        ("1e", "is not a quantity"),
        ("1e1.5", "is not a quantity"),
        ("1e99999999999999999999", "is not a quantity"),
        ("9223372036854775808", "is not a quantity"),
        (".e-20", "is not a quantity"),
        ("NaN", "is not a quantity"),
        ("1\n", "is not a quantity"),
        ("\u0661", "is not a quantity"),
        ("1" * 5_000, "is not a quantity"),
    ],
)
def test_malformed_quantities_are_refused(text: str, advice: str) -> None:
    with pytest.raises(InvalidQuantity) as caught:
        canonical(text)
    assert advice in str(caught.value)
    assert len(str(caught.value)) < 200


# Kubernetes writes some larger ones with 19 digits that it cannot read again: 8600000.1Gi.
NUMBERS = st.from_regex(r"[+-]?([0-9]{1,5}(\.[0-9]{0,6})?|\.[0-9]{1,6})", fullmatch=True)
SUFFIXES = ["", "n", "u", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti", "e3", "E-2"]


@given(NUMBERS, st.sampled_from(SUFFIXES))
def test_storing_twice_is_storing_once_and_keeps_the_number(number: str, suffix: str) -> None:
    stored = canonical(number + suffix)
    assert canonical(stored) == stored
    assert parse_quantity(stored) == parse_quantity(number + suffix)


@given(NUMBERS, st.sampled_from(["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi"]))
def test_a_quantity_is_its_number_times_its_unit(number: str, suffix: str) -> None:
    units: dict[str, int | Decimal] = {"": 1, "m": Decimal("0.001"), "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
    units |= {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}
    exact = Decimal(number.rstrip(".")) * units[suffix]
    off = amounts.parse(number + suffix).stored().value - exact
    # The stored number is at most a thousandth further from zero.
    assert 0 <= (off if exact >= 0 else -off) < Decimal("0.001")


@given(st.text(alphabet="0123456789.eEinumkKMGTP+- B", max_size=12) | st.text(max_size=8))
@example("-")
@example("1E9223372036854775807")
def test_anything_is_a_quantity_or_an_invalid_one(text: str) -> None:
    try:
        quantity = amounts.parse(text)
    except InvalidQuantity:
        return
    assert str(quantity.stored())


# The resources that a job may request.


def test_resources_are_returned_as_sent() -> None:
    sent = {"requests": {"cpu": "0.50", "memory": "1024Mi"}, "limits": {"memory": "2Gi"}}
    assert Resources.model_validate(sent).model_dump(mode="json") == sent


def test_resources_without_values_are_an_empty_object() -> None:
    assert Resources().model_dump(mode="json") == {}
    assert Resources.model_validate({"requests": {}, "limits": None}).model_dump(mode="json") == {}


def test_a_number_is_the_text_of_its_digits() -> None:
    resources = Resources.model_validate({"limits": {"cpu": 2, "memory": 1.5e9, "ephemeral-storage": None}})
    assert resources.limits == {"cpu": "2", "memory": "1500000000.0"}


def test_all_faults_come_at_once_each_at_its_field() -> None:
    found = faults(
        {
            "requests": {"cpu": "2", "memory": "1GB", "gpu": "1", "example.com/fpga": "1"},
            "limits": {"cpu": "1", "memory": "-1", "nvidia.com/gpu": "0.5", "hugepages-2Mi": "3Mi"},
            "limit": {},
        }
    )
    assert found == {
        "limit": "is not a field of resources; its fields are requests and limits",
        "requests.memory": "'1GB' is not a quantity; write a number and a unit, such as 500m, 2, 512Mi or 1.5G; "
        "did you mean G or Gi?",
        "requests.gpu": "must be cpu, memory, ephemeral-storage, hugepages-<size> or a device such as nvidia.com/gpu",
        "limits.cpu": "must not be below the request of 2, but is 1",
        "limits.memory": "must not be negative, but is -1",
        "limits.nvidia.com/gpu": "nvidia.com/gpu comes in whole numbers, but this is 500m",
        "limits.hugepages-2Mi": "must be a whole number of pages of 2Mi, but is 3Mi",
        "limits.example.com/fpga": "is needed too, and the same as the request of 1",
    }


@pytest.mark.parametrize("document", ["small", 3, [], None])
def test_resources_are_an_object(document: Any) -> None:
    assert faults(document) == {
        "body": 'must be an object with "requests" and "limits", such as {"limits": {"memory": "1Gi"}}'
    }


@pytest.mark.parametrize("part", ["1Gi", 1, [], True])
def test_requests_are_an_object(part: Any) -> None:
    assert "must be an object of names and quantities" in faults({"requests": part})["requests"]


@pytest.mark.parametrize("quantity", [True, [], {}, float("nan"), float("inf")])
def test_a_quantity_is_text_or_a_number(quantity: Any) -> None:
    assert "quantity" in faults({"limits": {"cpu": quantity}})["limits.cpu"]


@pytest.mark.parametrize(
    "document",
    [
        {"limits": {"cpu": "1"}, "requests": {"memory": "1Gi"}},
        {"limits": {"cpu": "500m"}, "requests": {"cpu": "0.5"}},
        {"limits": {"cpu": "0.5004"}, "requests": {"cpu": "0.5001"}},
        {"limits": {"memory": "1Gi"}, "requests": {"memory": "1024Mi"}},
        {"limits": {"nvidia.com/gpu": "1"}},
        {"limits": {"nvidia.com/gpu": "1"}, "requests": {"nvidia.com/gpu": "1000m"}},
        {"limits": {"kubernetes.io/batch": "1"}},
        {"limits": {"hugepages-2Mi": "4Mi", "cpu": "1"}},
        {"limits": {"hugepages-1Gi": "2Gi"}, "requests": {"memory": "1Gi"}},
        {"limits": {"cpu": "0"}},
        {"limits": {"memory": "1e2147483647"}, "requests": {"memory": "1e-2147483647"}},
    ],
)
def test_a_container_may_ask_for(document: Any) -> None:
    assert faults(document) == {}


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ({"limits": {"CPU": "1"}}, "limits.CPU"),
        ({"limits": {"": "1"}}, "limits."),
        ({"limits": {"pods": "1"}}, "limits.pods"),
        ({"limits": {"requests.cpu": "1"}}, "limits.requests.cpu"),
        ({"limits": {"hugepages-": "1", "cpu": "1"}}, "limits.hugepages-"),
        ({"limits": {"hugepages-big": "1", "cpu": "1"}}, "limits.hugepages-big"),
        ({"limits": {"hugepages-0": "0", "cpu": "1"}}, "limits.hugepages-0"),
        ({"limits": {"hugepages-2Mi": "4Mi"}}, "body"),
        ({"requests": {"hugepages-2Mi": "4Mi", "cpu": "1"}}, "limits.hugepages-2Mi"),
        ({"limits": {"Example.com/x": "1"}}, "limits.Example.com/x"),
        ({"limits": {"example.com/x/y": "1"}}, "limits.example.com/x/y"),
        ({"limits": {"/x": "1"}}, "limits./x"),
        ({"limits": {"example.com/": "1"}}, "limits.example.com/"),
        ({"limits": {f"example.com/{'x' * 64}": "1"}}, f"limits.example.com/{'x' * 64}"),
        ({"limits": {"requests.example.com/x": "1"}}, "limits.requests.example.com/x"),
        ({"requests": {"nvidia.com/gpu": "1"}}, "limits.nvidia.com/gpu"),
        ({"limits": {"cpu": "-1"}}, "limits.cpu"),
        ({"limits": {"memory": "1"}, "requests": {"memory": "1e2147483647"}}, "limits.memory"),
    ],
)
def test_a_container_may_not_ask_for(document: Any, field: str) -> None:
    assert field in faults(document)


def test_hostile_resources_cost_next_to_nothing() -> None:
    start = time.thread_time()
    resource_faults(
        {"memory": "1e2147483647", "cpu": "9" * 1_000}, {"memory": "1e-2147483648", "x.io/y": "1e999999999"}
    )
    resource_faults({}, {"hugepages-2Mi": "9" * 900, "hugepages-1e999999999": "1"})
    resource_faults({}, {"hugepages-1e999999999": "1e2147483647", "cpu": "9" * 300 + "e2000000000"})
    assert time.thread_time() - start < 2
