"""The volumes of a Pod: folders under the Pod's own folder, filled from ConfigMaps, Secrets and issued tokens.

Processes share the file system of this machine, so nothing can be mounted at a container's `mountPath`. Instead, where
a word of the command, a variable's value or the working directory names such a path, it gets the volume's folder. A
container that knows a mount path only from its image does not find it here.
"""

import asyncio
import base64
import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from local import private_files
from local.cluster.clock import Clock
from local.cluster.kubelet.environment import ConfigError, Lookup
from local.cluster.kubelet.processes import Command
from local.cluster.service_accounts import TokenIssuer

type Object = dict[str, Any]

# A kubelet requests another token when 80 % of its time have passed, or a day (pkg/kubelet/token/token_manager.go).
_RENEWED_AT, _LONGEST = 0.8, timedelta(hours=24)
# The text before a path in a word such as --target-path=/target or a=/b:/c, and the text after its last part.
_BEFORE, _AFTER = r"(?<![^\s=:,;'\"])", r"(?![^\s/=:,;'\"])"
_RETRY_SECONDS = 2


class Volumes:
    """The volumes of one Pod; `folder` is the Pod's, `lookup` finds objects of its namespace."""

    def __init__(self, pod: Object, folder: Path, lookup: Lookup, issuer: TokenIssuer, clock: Clock) -> None:
        self._pod = pod
        self._folder = folder / "volumes"
        self._lookup = lookup
        self._issuer = issuer
        self._clock = clock

    async def set_up(self, failed: Callable[[str], None]) -> None:
        """Make and fill every volume; while an object is missing, call `failed` with a message and try again."""
        while True:
            try:
                for volume in self._pod["spec"].get("volumes") or []:
                    self._write_files(volume)
            except ConfigError as missing:
                failed(str(missing))
                await self._clock.sleep(_RETRY_SECONDS)
            else:
                return

    async def renew_tokens(self) -> None:
        """Replace each token before it expires, until cancelled."""
        tokens = [one for volume in self._pod["spec"].get("volumes") or [] for one in _tokens(volume)]
        if not tokens:
            return
        least = min(timedelta(seconds=one["expirationSeconds"]) for one in tokens)
        while True:
            await self._clock.sleep(min(least * _RENEWED_AT, _LONGEST).total_seconds())
            for volume in self._pod["spec"]["volumes"]:
                if _tokens(volume):
                    self._write_files(volume)

    async def remove(self) -> None:
        """Remove all volumes, as a kubelet does once a Pod has ended."""
        # To remove a folder may take milliseconds, and in this thread every request to the cluster would wait for it.
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    def mounted(self, container: Object, command: Command) -> Command:
        """Return a container's command with the volumes' folders in the place of its mount paths."""
        places = self._places(container)
        if not places:
            return command
        paths = "|".join(re.escape(path) for path in sorted(places, key=len, reverse=True))
        pattern = re.compile(f"{_BEFORE}(?:{paths}){_AFTER}")

        def placed(text: str) -> str:
            return pattern.sub(lambda match: places[match[0]], text)

        env = {name: placed(value) for name, value in command.env.items()}
        return replace(command, argv=[placed(word) for word in command.argv], env=env, cwd=placed(command.cwd))

    def _places(self, container: Object) -> Mapping[str, str]:
        places = {}
        for mount in container.get("volumeMounts") or []:
            place = self._folder / mount["name"]
            if inner := mount.get("subPath"):
                place /= inner
            places[mount["mountPath"].rstrip("/")] = str(place)
        return places

    def _write_files(self, volume: Object) -> None:
        folder = self._folder / volume["name"]
        folder.mkdir(parents=True, exist_ok=True)
        for path, (content, mode) in self._files(volume).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            private_files.write(file, content)
            file.chmod(mode)

    def _files(self, volume: Object) -> dict[str, tuple[bytes, int]]:
        """Return the files of a volume by their paths in it: content and mode."""
        found: dict[str, tuple[bytes, int]] = {}
        for resource, source in _sources(volume):
            mode = volume.get("projected", source).get("defaultMode", 0o644)
            if resource == "serviceAccountToken":
                found[source["path"]] = (self._token(source), 0o600)
            else:
                found |= self._files_of(volume["name"], resource, source, mode)
        return found

    def _files_of(self, volume: str, resource: str, source: Object, mode: int) -> dict[str, tuple[bytes, int]]:
        name = source.get("name") or source.get("secretName", "")
        found = self._lookup(resource, name)
        if found is None and not source.get("optional"):
            singular = resource.removesuffix("s")
            raise ConfigError(f'MountVolume.SetUp failed for volume "{volume}" : {singular} "{name}" not found')
        data = _bytes_of(resource, found or {})
        items = source.get("items")
        if not items:
            return {key: (content, mode) for key, content in data.items()}
        absent = [item["key"] for item in items if item["key"] not in data]
        if absent and not source.get("optional"):
            raise ConfigError(
                f'MountVolume.SetUp failed for volume "{volume}" : {resource.removesuffix("s")} '
                f"references non-existent config key: {absent[0]}"
            )
        return {item["path"]: (data[item["key"]], item.get("mode", mode)) for item in items if item["key"] in data}

    def _token(self, source: Object) -> bytes:
        name = self._pod["spec"].get("serviceAccountName") or "default"
        account = self._lookup("serviceaccounts", name)
        if account is None:
            raise ConfigError(f'failed to fetch token: serviceaccounts "{name}" not found')
        now: datetime = self._clock.now()
        audience, seconds = source.get("audience", ""), source["expirationSeconds"]
        return self._issuer.token(self._pod, account, audience, seconds, now).encode()


def _sources(volume: Object) -> list[tuple[str, Object]]:
    """Return what fills a volume: the resource, or serviceAccountToken, with the reference to it."""
    listed = volume.get("projected", {}).get("sources") or [volume]
    named = {"configMap": "configmaps", "secret": "secrets", "serviceAccountToken": "serviceAccountToken"}
    return [(named[kind], one[kind]) for one in listed for kind in named if kind in one]


def _tokens(volume: Object) -> list[Object]:
    return [source for kind, source in _sources(volume) if kind == "serviceAccountToken"]


def _bytes_of(resource: str, found: Object) -> dict[str, bytes]:
    plain = {key: base64.b64decode(text) for key, text in (found.get("binaryData") or {}).items()}
    data = found.get("data") or {}
    if resource == "secrets":
        return {key: base64.b64decode(text) for key, text in data.items()}
    return plain | {key: os.fsencode(text) for key, text in data.items()}
