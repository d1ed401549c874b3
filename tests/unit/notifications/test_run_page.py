"""Messages lead to a run's page in the console."""

import pytest

from jobs_api.notifications.run_page import run_page


@pytest.mark.parametrize("public", ["https://jobs.example.com", "https://jobs.example.com/"])
def test_the_page_is_below_the_public_address(monkeypatch: pytest.MonkeyPatch, public: str) -> None:
    monkeypatch.setenv("PUBLIC_URL", public)

    assert run_page("run_1") == "https://jobs.example.com/console#/runs/run_1"


@pytest.mark.parametrize("public", [None, ""])
def test_without_a_public_address_there_is_no_link(monkeypatch: pytest.MonkeyPatch, public: str | None) -> None:
    monkeypatch.delenv("PUBLIC_URL", raising=False)
    if public is not None:
        monkeypatch.setenv("PUBLIC_URL", public)

    assert run_page("run_1") == ""
