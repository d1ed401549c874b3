"""Which successes stored the newest files: of a project, and of a job."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from jobs_api.model.document import Record, Timestamp

# The names of some runs' files, so that an item stays small; a run stores 50 at most.
MOST_LATEST: Final = 200


class LatestFiles(Record):
    """A successful run, its Pod, and the files that no later success has stored again."""

    run_id: str
    pod_name: str
    ended_at: Timestamp
    paths: list[str]


def with_files(known: Iterable[LatestFiles], newest: LatestFiles, kept: timedelta) -> list[LatestFiles]:
    """Return the newest files once one more success is known, those of the newest run first.

    It does not matter in which order runs become known, or how often. Left out are files that had expired when the last
    of these runs ended, and the oldest ones where there are too many.

    Args:
        known: what was known before.
        newest: the success, with all its files.
        kept: for how long runs and their files are kept.
    """
    runs = [one for one in known if one.run_id != newest.run_id]
    runs.append(newest.model_copy(update={"paths": sorted(set(newest.paths))}))
    runs.sort(key=lambda one: (one.ended_at, one.run_id), reverse=True)
    begin, listed, found = runs[0].ended_at - kept, set[str](), list[LatestFiles]()
    for one in runs:
        new = [path for path in one.paths if path not in listed][: MOST_LATEST - len(listed)]
        listed |= set(new)
        if new and one.ended_at > begin:
            found.append(one.model_copy(update={"paths": new}))
    return found


def newest_with(known: Sequence[LatestFiles], path: str, now: datetime, kept: timedelta) -> LatestFiles | None:
    """Return the last success that stored a file; None where none did, or the file has expired by now."""
    return next((one for one in known if path in one.paths and one.ended_at + kept > now), None)
