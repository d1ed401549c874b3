"""Follows the log of a running command for a while, because the kubelet may begin another file at any time.

The stream has one file after the other, but does not say where the next one begins. So this asks for the first line of
the current file: if that is another one, the file begins where the stream has that line. What was read before such a
question, and is before that line, is of the file before. A kubelet that sends more slowly than it begins files leaves
some out without a word. So where the stream comes to a file, but not to one that a question found before it, a line of
the log says that something may be lost.

Two processes may follow the same log at once, so that none of it is missed between them. The older one ends once the
newer one has written a part, and so has come as far.
"""

from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from jobs_api.cluster import ClusterRejected
from jobs_api.collecting import rules
from jobs_api.collecting.collector import NO_LIMIT, OTHERS_WRITE_WITHIN, Collector
from jobs_api.collecting.rules import Growth
from jobs_api.errors import ClusterError, ClusterUnavailable
from jobs_api.k8s.log_names import log_name
from jobs_api.k8s.log_place import LogPlace
from jobs_api.k8s.stamped_log import Reading

# Lines that are kept until another process has written the lines before them.
HELD_BYTES: Final = 8 * 1024 * 1024


@dataclass
class Following:
    """A log that is followed until a time, and then until another process does, while it may be rotated soon."""

    of: Collector
    until: datetime
    _raw: bytearray = field(default_factory=bytearray)
    _began_at: datetime = field(init=False)
    _grown: int = 0
    # The beginnings of files that the kubelet had at the last request, and that the stream has not reached.
    _awaited: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Read until the time has come, or the command has ended, and write it.

        Raises what the tables raise, and NotStamped where the kubelet sends something else than a log. What is not
        written then is read again.
        """
        self._began_at = asked_at = written_at = self.of.clock()
        # A log without new lines for some seconds ends the stream; the lines that were read are still written.
        with suppress(ClusterUnavailable), closing(self.of.stream(follow=True)) as chunks:
            for chunk in chunks:
                self._raw += chunk
                now = self.of.clock()
                if len(self._raw) < rules.MOST_PART_BYTES and now - asked_at < rules.ASKED_EVERY:
                    continue
                asked_at = now
                with suppress(ClusterUnavailable):  # the next request also asks for these lines
                    self._take_apart(self.of.begins())
                if self.of.reading.length >= rules.MOST_PART_BYTES or now - written_at >= rules.FOLLOWED_WRITTEN_EVERY:
                    written_at = now
                    self._write()
                if self._is_over(now):
                    break
        self._take_rest()
        self._write()

    def _is_over(self, now: datetime) -> bool:
        """Return whether a newer process follows the log and has come as far, or the time is over."""
        last = self.of.parts.last
        is_superseded = last is not None and last.followed_until is not None and last.followed_until > self.until
        needed_until = self.until + rules.FOLLOWED_FOR * self._is_near_rotation()
        return is_superseded or now >= needed_until

    def _take_rest(self) -> None:
        try:
            begins = self.of.begins()
        except ClusterRejected:
            begins = ""  # the Pod is gone, and these are the last lines of its log that exist
        except ClusterError:
            return
        self._take_apart(begins, everything=True)

    def _take_apart(self, begins: str, *, everything: bool = False) -> None:
        """Take complete lines apart; where the current file begins among them, write those before it."""
        end = self._raw.rfind(b"\n") + 1
        if everything or len(self._raw) - end > rules.MOST_PART_BYTES:
            end = len(self._raw)
        if begins and begins not in self._awaited:
            self._awaited.append(begins)
        for line in list(self._awaited):
            at = self._beginning(line, end)
            if at is not None:
                self._take_raw(at)
                self._write(held_back=False)
                self._begin_file(line)
                end -= at
        self._take_raw(end)
        self._awaited = [
            line for line in self._awaited if log_name(self.of.pod_name, line) != self.of.reading.place.log
        ]

    def _begin_file(self, begins: str) -> None:
        """Begin to read a file. A kubelet that has come to it late has left out those that it began before."""
        before = self.of.reading.place if self._awaited[0] != begins else None
        self.of.reading = Reading(LogPlace(), NO_LIMIT, pod_name=self.of.pod_name, wanted=before)
        del self._awaited[: self._awaited.index(begins) + 1]

    def _take_raw(self, end: int) -> None:
        taken = bytes(self._raw[:end])
        del self._raw[:end]
        self.of.reading.take(taken)
        self._grown += rules.on_disk(taken)

    def _beginning(self, begins: str, end: int) -> int | None:
        """Return where the current file begins in what is to be taken; None where it does not, or is read already."""
        place, stamp = self.of.reading.place, f"{begins} ".encode()
        if not begins or place.log == log_name(self.of.pod_name, begins):
            return None
        if not place.inside and self._raw.startswith(stamp):
            return 0 if place.log else None
        at = self._raw.find(b"\n" + stamp, 0, end)
        return None if at < 0 else at + 1

    def _write(self, *, held_back: bool = True) -> None:
        """Write what was taken apart; with `held_back`, not while another process may write what is before it."""
        reading, parts = self.of.reading, self.of.parts
        if reading.elsewhere and self.of.is_in_new_file():
            parts.read_again()
            held = reading.length < HELD_BYTES and self.of.clock() - self._began_at < OTHERS_WRITE_WITHIN
            if held_back and held and parts.is_followed() and self.of.is_in_new_file():
                return
        if text := self.of.cut():
            parts.add(text, reading.place, self.until)

    def _is_near_rotation(self) -> bool:
        last, within = self.of.parts.last, self.of.clock() - self._began_at
        return rules.is_near_rotation(Growth(last.file_bytes if last else 0, self._grown, within))
