"""Which successes stored the newest files, in whatever order passes see their ends."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from jobs_api.model.latest_files import MOST_LATEST, LatestFiles, newest_with, with_files

NOON = datetime(2026, 4, 28, 12, tzinfo=UTC)
KEPT = timedelta(days=90)
ENDS = st.lists(
    st.tuples(st.integers(0, 200), st.sets(st.sampled_from(["manifest.json", "catalog.json", "x.html"]), min_size=1)),
    max_size=8,
)


def known_after(ends: list[tuple[str, int, set[str]]]) -> list[LatestFiles]:
    known: list[LatestFiles] = []
    for run_id, day, paths in ends:
        known = with_files(known, success(run_id, NOON + timedelta(days=day), *paths), KEPT)
    return known


def success(run_id: str, ended_at: datetime, *paths: str) -> LatestFiles:
    return LatestFiles(run_id=run_id, pod_name=f"pod-of-{run_id}", ended_at=ended_at, paths=list(paths))


def newest(known: list[LatestFiles], path: str, now: datetime) -> str | None:
    found = newest_with(known, path, now, KEPT)
    assert found is None or found.pod_name == f"pod-of-{found.run_id}"
    return found.run_id if found else None


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
        assert newest(known, path, now) == (max(kept)[1] if kept else None)


def test_a_file_that_expired_is_nobodys() -> None:
    known = with_files([], success("run_a", NOON, "manifest.json"), KEPT)

    assert newest(known, "manifest.json", NOON + KEPT - timedelta(seconds=1)) == "run_a"
    assert newest(known, "manifest.json", NOON + KEPT) is None


def test_files_of_endless_names_do_not_fill_an_item() -> None:
    known: list[LatestFiles] = []
    for number in range(30):
        files = [f"{number}-{at}" for at in range(50)]
        known = with_files(known, success(f"run_{number}", NOON + timedelta(hours=number), *files), KEPT)

    assert sum(len(one.paths) for one in known) == MOST_LATEST
    assert known[0].run_id == "run_29"
