"""A world that lives by its pulse: the queue and the ticks are played, in the world's time."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from functions.restore_pulses import app as restore_pulses
from jobs_api.pulse import handling, queue
from jobs_api.pulse.queue import PulseMessage
from tests.calls_to_aws import Call, intercept_aws
from tests.functions.people import Context
from tests.reliability.world import World

TICK = timedelta(minutes=1)
# When SQS hands out again what its receiver never confirmed.
VISIBILITY = timedelta(minutes=30)
MOST_RECEIVED = 3


@dataclass
class Message:
    """A message that sleeps until it is due, sent at `sent_at` by the queue's clock, and `received` so many times."""

    due_at: datetime
    body: str
    sent_at: datetime
    received: int = 0


@dataclass
class Pulsing:
    """The world's pulse.

    Args:
        spoil: what the queue does to a message that is sent; it returns what arrives, and when.
        refuses: whether the queue takes nothing.
        asker_ahead: how far the clock of those who ask for passes is ahead of the queue's and of the cluster's.
        handler_ahead: asked before each message how far the clock of the process is ahead that handles it.
    """

    world: World
    monkeypatch: pytest.MonkeyPatch
    waiting: list[Message] = field(default_factory=list)
    refuses: bool = False
    spoil: Callable[[Message], list[Message]] = lambda message: [message]
    asker_ahead: timedelta = timedelta()
    handler_ahead: Callable[[], timedelta] = timedelta
    passes: list[datetime] = field(default_factory=list)
    # A context in which the next message is handled.
    cut_off: AbstractContextManager[None] = field(default_factory=nullcontext)
    next_tick: datetime = field(init=False)

    def __post_init__(self) -> None:
        """Stand in for the queue, before AWS."""

        def answer(call: Call) -> Any:
            if call.arguments.get("QueueUrl") != os.environ["PULSE_QUEUE"]:
                return call.make()
            if self.refuses:
                raise ClientError({"Error": {"Code": "ServiceUnavailable"}}, call.operation)
            for entry in call.arguments.get("Entries", [call.arguments]):
                self._take(entry["MessageBody"], entry["DelaySeconds"])
            return {}

        intercept_aws(self.monkeypatch, answer)
        self.monkeypatch.setattr(queue, "_now", lambda: self.now() + self.asker_ahead)
        self.monkeypatch.setattr(restore_pulses, "datetime", type("Clock", (), {"now": lambda *_: self.now()}))
        self.monkeypatch.setattr(handling, "_begin", self._noting(handling._begin))
        self.next_tick = self.now() + TICK

    def now(self) -> datetime:
        """Return the world's time."""
        return self.world.now()

    def live(self, **time: float) -> None:
        """Let time pass, with every message handled when it is due, and with the ticks."""
        end = self.now() + timedelta(**time)
        while (moment := self._next()) <= end:
            self.world.advance(seconds=max(0.0, (moment - self.now()).total_seconds()))
            if moment == self.next_tick:
                self.next_tick += TICK
                self.tick()
            else:
                self.handle_one()
        self.world.advance(seconds=max(0.0, (end - self.now()).total_seconds()))

    def live_until_a_pass(self) -> None:
        """Let time pass up to the end of the next pass, so that it is known what an audit may expect."""
        passes = len(self.passes)
        while len(self.passes) == passes:
            self.live_until_a_message()

    def live_until_a_message(self) -> None:
        """Let time pass until the next message was handled, or the next tick was made."""
        self.live(seconds=(self._next() - self.now()).total_seconds())

    def tick(self) -> None:
        """Do what EventBridge has done every minute."""
        with suppress(ClientError, queue.QueueRefused, *self.world.also):
            restore_pulses.lambda_handler({}, Context())  # type: ignore[arg-type]

    def handle_one(self) -> None:
        """Hand out the message that is due first; a receiver that dies gets it again much later."""
        message = min(self.waiting, key=lambda one: one.due_at)
        message.due_at, message.received = self.now() + VISIBILITY, message.received + 1
        done, ahead = False, self.handler_ahead()
        cut_off, self.cut_off = self.cut_off, nullcontext()
        with suppress(ClientError, *self.world.also), cut_off:
            handling.handle(PulseMessage.of_record(_record(message)), lambda: self.now() + ahead)
            done = True
        if done or message.received == MOST_RECEIVED:
            self.waiting.remove(message)
        self.world.cluster.run_until_idle()
        self.world.notify()

    def ends(self) -> int:
        """Return how many pulses are current: messages that would lead to a pass by themselves."""
        generation = self.world.organization_now().pulse.generation
        return sum(json.loads(one.body).get("generation") == generation for one in self.waiting)

    def _noting(self, begin: Callable[..., Any]) -> Callable[..., Any]:
        """Return what begins a pass, so that it notes when one has."""

        def begin_and_note(*arguments: Any) -> Any:
            organization = begin(*arguments)
            if organization:
                self.passes.append(self.now())
            return organization

        return begin_and_note

    def _next(self) -> datetime:
        return min([self.next_tick, *(max(self.now(), one.due_at) for one in self.waiting)])

    def _take(self, body: str, delay_seconds: int) -> None:
        if json.loads(body)["organization_id"] != self.world.organization.id:
            return
        self.waiting += self.spoil(Message(self.now() + timedelta(seconds=delay_seconds), body, self.now()))


def _record(message: Message) -> dict[str, Any]:
    return {"body": message.body, "attributes": {"SentTimestamp": str(int(message.sent_at.timestamp() * 1000))}}
