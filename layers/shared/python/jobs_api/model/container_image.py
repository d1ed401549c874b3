"""The name of a container image, as registries and kubelets read it.

The grammar is that of https://pkg.go.dev/github.com/distribution/reference. An API server accepts any text; the Pod of
a text that is no name then waits with `InvalidImageName`.
"""

import re
from typing import Final

_HOST: Final = re.compile(r"([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9a-fA-F:]+\])(:\d{1,5})?")
_COMPONENT: Final = re.compile(r"[a-z0-9]+((\.|__?|-+)[a-z0-9]+)*")
_TAG: Final = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST: Final = re.compile(r"[a-z0-9]+([+._-][a-z0-9]+)*:[0-9a-fA-F]{32,}")
_WRONG: Final = (
    "is not the name of an image; write it in small letters, without https://, such as ghcr.io/acme/jaffle:1f0a9c3"
)


def check_image(image: str) -> str:
    """Return a name of an image; raises ValueError for a text that is none."""
    named, at, digest = image.partition("@")
    path, colon, tag = named.rpartition(":") if ":" in named.rpartition("/")[2] else (named, "", "")
    host, slash, rest = path.partition("/")
    # Without one of these, the first part belongs to the path, in the registry that the node has as its default.
    begins_with_host = bool(slash) and (host == "localhost" or host != host.lower() or "." in host or ":" in host)
    repository = rest if begins_with_host and _HOST.fullmatch(host) else path
    right = all(map(_COMPONENT.fullmatch, repository.split("/")))
    if not right or (colon and not _TAG.fullmatch(tag)) or (at and not _DIGEST.fullmatch(digest)):
        raise ValueError(_WRONG)
    return image
