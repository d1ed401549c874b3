"""What a Slack channel has been told of a project's jobs, as it is stored."""

from pydantic import Field

from jobs_api.model.document import Document, Timestamp


class Member(Document):
    """A job on the list of a message; `recovered` where it worked again before the message was sent.

    `said` is the beginning of its own error, where the list has room for that.
    """

    job_id: str
    job_name: str
    run_id: str
    recovered: bool = False
    said: str = ""


class Notice(Document):
    """What a Slack message says: its kind and, where it tells of several jobs, which; `more` are not on the list."""

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
    """What happens to alerts of one cause until `ends_at`: they join the message that gathers, or begin the next."""

    ends_at: Timestamp
    gathering: Gathering | None = None


class JobStorm(Document):
    """What a channel knows of one job.

    `newest` is the end of the newest run that counted, `failing_since` the end of the first that failed in a row. While
    `told` is false, `waits_in` is the delivery that will tell of it. `changes` are the last times the channel was told
    that it began to fail, `failure_told_for` the end of the newest failed run that it was told of.
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
    """What a channel knows of the jobs of a project, and the windows that are open, by cause."""

    jobs: dict[str, JobStorm] = Field(default_factory=dict)
    windows: dict[str, Window] = Field(default_factory=dict)
