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
def test_a_token_proves_its_organization_and_role(header: str) -> None:
    assert tokens.authenticate(header.format(TEXT), find, NOON) == TOKEN


@pytest.mark.parametrize("now", [NOON + timedelta(days=1), NOON + timedelta(days=2)])
def test_an_expired_token_is_refused(now: datetime) -> None:
    assert tokens.authenticate(f"Bearer {TEXT}", find, now) is None


def test_a_revoked_token_is_refused() -> None:
    revoked = TOKEN.model_copy(update={"revoked_at": NOON})

    assert tokens.authenticate(f"Bearer {TEXT}", lambda _: revoked, NOON) is None


@given(st.text())
def test_an_invented_text_is_refused(header: str) -> None:
    assert tokens.authenticate(header, find, NOON) is None


@given(at=st.integers(4, len(TEXT) - 1), letter=st.characters(codec="ascii", categories=["L", "N"]))
def test_a_token_with_one_changed_letter_is_refused(at: int, letter: str) -> None:
    changed = TEXT[:at] + letter + TEXT[at + 1 :]

    assert (tokens.authenticate(f"Bearer {changed}", find, NOON) is not None) == (changed == TEXT)
