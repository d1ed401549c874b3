"""What looks have read of logs and not written as parts: it goes to the next pass in the message of the next pulse.

A message is paid for whether it carries text or not, and a part costs a write. Most runs are short, so their text is
carried until it is stored with the rest of the log, and never becomes a part. It does where the log cannot be read any
more, because the Pod is gone or its node does not answer, and where too much would have to be carried.

A text that is lost with its message is in the Pod's log still; only where the node dies at the same time, it is lost.
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
from jobs_api.k8s.log_place import LogPlace
from jobs_api.k8s.pod_logs import log_name
from jobs_api.model.carried_text import MOST_CARRIED_BYTES, CarriedText
from jobs_api.model.run import Run

# The clients' pools have the same size.
ASKED_AT_ONCE: Final = 16

logger = Logger()


@dataclass
class Carried:
    """The texts of an organization's runs that came with a pass's message, and those that go with the next one.

    Threads may use it for different runs. `may_come`: the pass was requested, so other texts may be on their way with
    the pulse that it superseded.
    """

    organization_id: str
    came: dict[str, CarriedText] = field(default_factory=dict)
    goes: dict[str, CarriedText] = field(default_factory=dict)
    may_come: bool = False

    @classmethod
    def of(cls, organization_id: str, texts: Iterable[CarriedText], *, may_come: bool = False) -> "Carried":
        """Take what came with a message, but for texts whose place cannot be read, because another release wrote it."""
        return cls(organization_id, {one.run_id: one for one in texts if _has_place(one)}, may_come=may_come)

    def looked(self, run: Run, text: bytes, place: LogPlace, now: datetime) -> None:
        """Carry the text that a look has left unwritten, if any, in place of what came: it has that too, or a part."""
        self.came.pop(run.id, None)
        if text:
            self.goes[run.id] = CarriedText.of(run.id, place.text(), now, text)

    def forget(self, run_id: str) -> None:
        """Carry nothing of a run: its log is stored."""
        self.came.pop(run_id, None)
        self.goes.pop(run_id, None)

    def forget_others(self, run_ids: Collection[str]) -> None:
        """Carry nothing of runs but these, which are open: the logs of others are stored."""
        for run_id in self.came.keys() - set(run_ids):
            self.forget(run_id)

    def pod_of(self, run: Run) -> str | None:
        """Return the name of the Pod whose log was read last, None where nothing of it came."""
        text = self.came.get(run.id)
        return LogPlace.read(text.place).log.partition(" ")[0] if text else None

    def keep(self, run: Run) -> bool:
        """Write what came of a run as a part, because its log may not be readable any more; return whether any came."""
        text = self.goes.get(run.id) or self.came.get(run.id)
        if text is None:
            return False
        write(run, text)
        self.forget(run.id)
        return True

    def keep_of_earlier_file(self, run: Run, log: str) -> bool:
        """Write what came of a run as a part, if it is of another file than this one; return whether it was.

        The kubelet has rotated that file away, so nobody can read it again.
        """
        text = self.came.get(run.id)
        return text is not None and LogPlace.read(text.place).log != log and self.keep(run)

    def keep_all(self) -> None:
        """Write everything as parts."""
        self._write_carried(self._all())

    def next(self, most: int = MOST_CARRIED_BYTES) -> list[CarriedText]:
        """Return what the next message carries. What does not fit into it is written as parts, the largest texts first.

        Texts that came, of runs whose log was not read meanwhile, are carried again.
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
        return list((self.came | self.goes).values())

    def _write_carried(self, texts: list[CarriedText]) -> None:
        if not texts:
            return
        runs = store.find_runs(self.organization_id, [one.run_id for one in texts])
        for one in texts:
            run = runs.get(one.run_id)
            if run and not run.status.ended:
                write(run, one)
            self.forget(one.run_id)

    def keep_unreadable(self, connect: Callable[[], Cluster]) -> None:
        """Write what came with a message that a sooner pass has superseded, where its log cannot be read any more.

        That pass and the next ones read the other logs themselves.
        """
        texts = list(self.came.values())
        # A node that is silent lets each question wait for seconds.
        with ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="readable") as pool:
            readable = list(pool.map(lambda one: _is_readable(one, self.organization_id, connect), texts))
        self._write_carried([one for one, can_be_read in zip(texts, readable, strict=True) if not can_be_read])


def _has_place(text: CarriedText) -> bool:
    try:
        return bool(LogPlace.read(text.place).log)
    except (ValueError, TypeError):
        return False


def _is_readable(text: CarriedText, namespace: str, connect: Callable[[], Cluster]) -> bool:
    log = LogPlace.read(text.place).log
    pod_name = log.partition(" ")[0]
    try:
        return log_name(pod_name, connect().log_begins(namespace, pod_name)) == log
    except ClusterError:
        return False


def write(run: Run, text: CarriedText) -> None:
    """Write a carried text as a part, as far as no part has it yet.

    The part says that it was written when the text was read: nobody has seen what came after that.
    """
    Parts.of(run, lambda: text.read_at).add_late(text.text, LogPlace.read(text.place))
    logger.info("a carried text became a part", organization_id=run.organization_id, run_id=run.id)
