"""Tokens: only an issued token proves its owner."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs_api.auth import tokens
from jobs_api.model.organization import Role, Token

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
TEXT, TOKEN = tokens.issue("org-acme", Role.DEVELOPER, NOON, expires_at=NOON + timedelta(days=1))


def find(token_id: str) -> Token | None:
    return TOKEN if token_id == TOKEN.id else None


def test_a_token_has_an_id_and_256_random_bits() -> None:
    prefix, token_id, secret = TEXT.split("_", 2)

    assert (prefix, token_id) == ("jat", TOKEN.id)
    assert len(secret) == 43
    assert tokens.issue("org-acme", Role.DEVELOPER, NOON, expires_at=None)[0] != TEXT


@pytest.mark.parametrize("header", ["Bearer {}", "bearer {}", "BEARER   {}", " Bearer {} "])
def test_it_proves_who_it_is_for(header: str) -> None:
    assert tokens.authenticate(header.format(TEXT), find, NOON) == TOKEN


@pytest.mark.parametrize("now", [NOON + timedelta(days=1), NOON + timedelta(days=2)])
def test_it_ends_when_it_expires(now: datetime) -> None:
    assert tokens.authenticate(f"Bearer {TEXT}", find, now) is None


def test_a_revoked_one_is_worth_nothing() -> None:
    revoked = TOKEN.model_copy(update={"revoked_at": NOON})

    assert tokens.authenticate(f"Bearer {TEXT}", lambda _: revoked, NOON) is None


@given(st.text())
def test_nothing_made_up_is_a_token(header: str) -> None:
    assert tokens.authenticate(header, find, NOON) is None


@given(at=st.integers(4, len(TEXT) - 1), letter=st.characters(codec="ascii", categories=["L", "N"]))
def test_no_other_letter_will_do(at: int, letter: str) -> None:
    changed = TEXT[:at] + letter + TEXT[at + 1 :]

    assert (tokens.authenticate(f"Bearer {changed}", find, NOON) is not None) == (changed == TEXT)
