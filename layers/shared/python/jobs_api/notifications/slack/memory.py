"""The memory of a Slack channel about a project's jobs, in its stored form."""

from pydantic import Field

from jobs_api.model.document import Document, Timestamp


class Member(Document):
    """A job on the list of a message; `recovered` where it succeeded again before the message was sent.

    `said` is the beginning of its own error, where the list has room for it. `attempts` is the number of its run's last
    attempt, if it was tried more than once.
    """

    job_id: str
    job_name: str
    run_id: str
    recovered: bool = False
    attempts: int | None = None
    said: str = ""


class Notice(Document):
    """The content of a Slack message: its kind and, for several jobs, which; `more` counts those not on the list."""

    kind: str
    members: list[Member] = Field(default_factory=list)
    more: int = 0


class Gathering(Document):
    """A message that waits until `due_at` for others to join; its delivery is the leader's."""

    leader: str
    due_at: Timestamp
    members: list[Member]
    more: int = 0


class Window(Document):
    """A time until `ends_at` in which failures of one cause join the message that gathers, or begin the next."""

    ends_at: Timestamp
    gathering: Gathering | None = None


class JobStorm(Document):
    """The memory of a channel about one job.

    `newest` is the end of the newest run that counted, `failing_since` the end of the first run that failed in a row.
    While `told` is false, the delivery `waits_in` is to tell the channel. `changes` are the last times at which the
    channel learned that the job began to fail. `failure_told_for` is the end of the newest failed run that it knows.
    """

    newest: Timestamp
    failing_since: Timestamp | None = None
    told: bool = False
    waits_in: str | None = None
    told_at: Timestamp | None = None
    failure_told_for: Timestamp | None = None
    reminders: int = 0
    changes: list[Timestamp] = Field(default_factory=list)


class Storms(Document):
    """The memory of a channel about the jobs of a project, and the open windows, by cause."""

    jobs: dict[str, JobStorm] = Field(default_factory=dict)
    windows: dict[str, Window] = Field(default_factory=dict)
