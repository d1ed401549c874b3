"""Carries texts of logs that are read and not written as parts: the next pulse's message has them for its pass.

A message is paid for whether it carries text or not, and a part costs a write. Most runs are short, so their text is
carried until it is stored with the rest of the log, and never becomes a part. It becomes one where the log cannot be
read any more, because the Pod is gone or its node does not answer, and where too much would have to be carried.

A text that is lost with its message is still in the Pod's log, so it is lost only if the node dies at the same time.
"""

from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from aws_lambda_powertools import Logger

from jobs_api import store
from jobs_api.cluster import Cluster
from jobs_api.collecting.parts import Parts
from jobs_api.errors import ClusterError
from jobs_api.k8s.log_names import log_name, pod_name_of
from jobs_api.k8s.log_place import LogPlace
from jobs_api.model.carried_text import MOST_CARRIED_BYTES, CarriedText
from jobs_api.model.log_part import LogPart
from jobs_api.model.run import Run

# The clients' pools have the same size.
WORKERS: Final = 16

logger = Logger()


def tell_nobody(_run: Run, _part: LogPart) -> None:
    """Tell nobody of a part."""


@dataclass
class Carried:
    """The texts of an organization's runs that a pass's message brought, and those for the next message.

    Threads may use it for different runs. `more_on_the_way`: the pass was requested, so other texts may be coming with
    the pulse that it superseded. `on_part` is called with the last part of a run whose text became a part because it
    did not fit into the message.
    """

    organization_id: str
    received: dict[str, CarriedText] = field(default_factory=dict)
    to_send: dict[str, CarriedText] = field(default_factory=dict)
    more_on_the_way: bool = False
    on_part: Callable[[Run, LogPart], None] = tell_nobody

    @classmethod
    def of(
        cls,
        organization_id: str,
        texts: Iterable[CarriedText],
        *,
        more_on_the_way: bool = False,
        on_part: Callable[[Run, LogPart], None] = tell_nobody,
    ) -> "Carried":
        """Take the texts of a message, but for those whose place cannot be read, because another release wrote it."""
        received = {one.run_id: one for one in texts if _has_place(one)}
        return cls(organization_id, received, more_on_the_way=more_on_the_way, on_part=on_part)

    def carry(self, run: Run, text: bytes, place: LogPlace, now: datetime) -> None:
        """Carry the unwritten rest of a read, if any, in place of the received text, which the rest or a part has."""
        self.received.pop(run.id, None)
        if text:
            self.to_send[run.id] = CarriedText.of(run.id, place.text(), now, text)

    def forget(self, run_id: str) -> None:
        """Carry nothing of a run: its log is stored."""
        self.received.pop(run_id, None)
        self.to_send.pop(run_id, None)

    def forget_ended(self, run_ids: Collection[str]) -> None:
        """Carry only texts of these runs, which are open: the logs of others are stored."""
        for run_id in self.received.keys() - set(run_ids):
            self.forget(run_id)

    def pod_name_of(self, run: Run) -> str | None:
        """Return the name of the Pod whose log a received text is from, None without such a text."""
        text = self.received.get(run.id)
        return pod_name_of(LogPlace.read(text.place).log) if text else None

    def write_part(self, run: Run) -> bool:
        """Write a run's carried text as a part, as its log may be unreadable by now; return whether there was one."""
        text = self.to_send.get(run.id) or self.received.get(run.id)
        if text is None:
            return False
        write(run, text)
        self.forget(run.id)
        return True

    def write_earlier_file(self, run: Run, log: str) -> bool:
        """Write a run's received text as a part, if it is of another file than `log`; return whether it was.

        The kubelet has rotated that file away, so nobody can read it again.
        """
        text = self.received.get(run.id)
        return text is not None and LogPlace.read(text.place).log != log and self.write_part(run)

    def write_all(self) -> None:
        """Write all carried texts as parts."""
        self._write_carried(self._all())

    def next(self, most: int = MOST_CARRIED_BYTES) -> list[CarriedText]:
        """Return what the next message carries. What does not fit into it is written as parts, the largest texts first.

        A text that cannot be written then is left out: it is in its Pod's log still, and the pulse must be sent.
        Received texts of runs whose log was not read meanwhile, are carried again.
        """
        texts = sorted(self._all(), key=lambda one: one.size)
        size = 0
        for count, one in enumerate(texts):
            size += one.size
            if size > most:
                self._write_carried(texts[count:])
                return texts[:count]
        return texts

    def _all(self) -> list[CarriedText]:
        return list((self.received | self.to_send).values())

    def _write_carried(self, texts: list[CarriedText]) -> list[Exception]:
        """Write texts as parts; return the errors of those that could not be written, which stay here."""
        if not texts:
            return []
        runs = store.find_runs(self.organization_id, [text.run_id for text in texts])
        open_runs = [(run, text) for text in texts if (run := runs.get(text.run_id)) and not run.status.ended]
        # The next pulse waits for this, and a thousand runs may have begun at once.
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="ingest") as pool:
            writes = [(run, pool.submit(write, run, text)) for run, text in open_runs]
        failed = dict[str, Exception]()
        for run, writing in writes:
            try:
                if last := writing.result():
                    self.on_part(run, last)
            except Exception as error:
                logger.exception("a carried text was not written", organization_id=run.organization_id, run_id=run.id)
                failed[run.id] = error
        for text in texts:
            if text.run_id not in failed:
                self.forget(text.run_id)
        return list(failed.values())

    def write_unreadable(self, connect: Callable[[], Cluster]) -> None:
        """Write the texts of a message that a sooner pass has superseded, where their logs cannot be read any more.

        That pass and the next ones read the other logs themselves. Raises what the tables and S3 raise.
        """
        texts = list(self.received.values())
        # A node that is silent lets each question wait for seconds.
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="readable") as pool:
            readable = list(pool.map(lambda one: _is_readable(one, self.organization_id, connect), texts))
        errors = self._write_carried([one for one, can_be_read in zip(texts, readable, strict=True) if not can_be_read])
        if errors:
            raise errors[0]


def _has_place(text: CarriedText) -> bool:
    try:
        return bool(LogPlace.read(text.place).log)
    except (ValueError, TypeError):
        return False


def _is_readable(text: CarriedText, namespace: str, connect: Callable[[], Cluster]) -> bool:
    log = LogPlace.read(text.place).log
    pod_name = pod_name_of(log)
    try:
        return log_name(pod_name, connect().log_begins(namespace, pod_name)) == log
    except ClusterError:
        return False


def write(run: Run, text: CarriedText) -> LogPart | None:
    """Write a carried text as a part, as far as no part has it yet; return the run's last part.

    The part says that it was written when the text was read: nobody has seen what came after that.
    """
    parts = Parts.of(run, lambda: text.read_at)
    parts.add_late(text.text, LogPlace.read(text.place))
    logger.info("a carried text became a part", organization_id=run.organization_id, run_id=run.id)
    return parts.last
