"""Which successes stored the newest files, in whatever order passes see their ends."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model.latest_files import MOST_LATEST, LatestFiles, run_that_has, with_files

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
KEPT = timedelta(days=90)
ENDS = st.lists(
    st.tuples(st.integers(0, 200), st.sets(st.sampled_from(["manifest.json", "catalog.json", "x.html"]), min_size=1)),
    max_size=8,
)


def known_after(ends: list[tuple[str, int, set[str]]]) -> list[LatestFiles]:
    known: list[LatestFiles] = []
    for run_id, day, paths in ends:
        known = with_files(known, run_id, NOON + timedelta(days=day), paths, KEPT)
    return known


@given(ENDS, st.randoms(use_true_random=False))
def test_each_file_is_of_the_last_success_that_has_it_in_any_order(
    ends: list[tuple[int, set[str]]], dice: object
) -> None:
    told = [(f"run_{at}", day, paths) for at, (day, paths) in enumerate(ends)]
    shuffled = [*told, *told[:2]]
    dice.shuffle(shuffled)  # type: ignore[attr-defined]

    known, now = known_after(shuffled), NOON + timedelta(days=max((day for day, _ in ends), default=0))
    for path in ("manifest.json", "catalog.json", "x.html"):
        kept = [
            (day, run_id) for run_id, day, paths in told if path in paths and NOON + timedelta(days=day) + KEPT > now
        ]
        assert run_that_has(known, path, now, KEPT) == (max(kept)[1] if kept else None)


def test_a_file_that_expired_is_nobodys() -> None:
    known = with_files([], "run_a", NOON, ["manifest.json"], KEPT)

    assert run_that_has(known, "manifest.json", NOON + KEPT - timedelta(seconds=1), KEPT) == "run_a"
    assert run_that_has(known, "manifest.json", NOON + KEPT, KEPT) is None


def test_files_of_endless_names_do_not_fill_an_item() -> None:
    known: list[LatestFiles] = []
    for number in range(30):
        known = with_files(
            known, f"run_{number}", NOON + timedelta(hours=number), [f"{number}-{at}" for at in range(50)], KEPT
        )

    assert sum(len(one.paths) for one in known) == MOST_LATEST
    assert known[0].run_id == "run_29"
