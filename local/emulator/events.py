"""EventBridge's PutEvents: passes each event to the listeners of this process and stores none."""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from local.emulator.errors import AwsError

type Heard = Callable[[Mapping[str, Any], str], None]


class Events:
    """The buses of an account."""

    def __init__(self) -> None:
        """Start with the default bus alone; `install` adds others."""
        self._buses = {"default"}
        self._listeners: list[Heard] = []

    def install(self, name: str) -> None:
        """Add a bus."""
        self._buses.add(name)

    def listen(self, hear: Heard) -> None:
        """Call `hear` with each event and its id, in the thread that sent it."""
        self._listeners.append(hear)

    def ignore(self, hear: Heard) -> None:
        """Stop calling `hear`."""
        self._listeners.remove(hear)

    def __call__(self, operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Run an operation by its name; raises AwsError where EventBridge would refuse it."""
        if operation == "ListEventBuses":
            return {"EventBuses": [{"Name": name} for name in sorted(self._buses)]}
        if operation != "PutEvents":
            raise AwsError("UnknownOperationException", f"{operation} is not known to the laptop's EventBridge")
        entries = [self._put(entry) for entry in request["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in entry for entry in entries), "Entries": entries}

    def _put(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        missing = [name for name in ("Source", "DetailType", "Detail") if not entry.get(name)]
        if missing:
            reason = f"Parameter {missing[0]} is not valid. Reason: {missing[0]} is a required argument."
            return {"ErrorCode": "InvalidArgument", "ErrorMessage": reason}
        # A bus may be named by its ARN: arn:aws:events:<region>:<account>:event-bus/<name>.
        if (entry.get("EventBusName") or "default").rpartition("/")[2] in self._buses:
            identity = str(uuid.uuid4())
            for hear in list(self._listeners):
                hear(entry, identity)
            return {"EventId": identity}
        return {"ErrorCode": "ResourceNotFoundException", "ErrorMessage": "There is no such event bus"}
