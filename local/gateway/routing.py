"""Finds the route of a request by its path before percent-decoding."""

from dataclasses import dataclass, field
from urllib.parse import unquote

from local.gateway.definition import Route


@dataclass
class _Node:
    children: dict[str, "_Node"] = field(default_factory=dict)
    parameter: tuple[str, "_Node"] | None = None
    greedy: tuple[str, "_Node"] | None = None
    routes: dict[str, Route] = field(default_factory=dict)

    def child(self, segment: str) -> "_Node":
        """Return the child node for a segment of a resource: `jobs`, `{id}` or `{proxy+}`."""
        if segment.startswith("{") and segment.endswith("+}"):
            self.greedy = self.greedy or (segment[1:-2], _Node())
            return self.greedy[1]
        if segment.startswith("{"):
            self.parameter = self.parameter or (segment[1:-1], _Node())
            return self.parameter[1]
        return self.children.setdefault(segment, _Node())


class Router:
    """A tree of resources; a literal segment wins over `{id}`, and that over `{proxy+}`."""

    def __init__(self, routes: list[Route]) -> None:
        """Build the tree once."""
        self._root = _Node()
        for route in routes:
            node = self._root
            for segment in route.resource.strip("/").split("/"):
                node = node.child(segment)
            node.routes[route.method] = route

    def find(self, method: str, raw_path: str) -> tuple[Route, dict[str, str]] | None:
        """Return the route and its decoded path parameters; an encoded slash does not end a segment.

        None if there is no such resource or the resource lacks the method: API Gateway answers both alike.
        """
        segments = raw_path.removeprefix("/").removesuffix("/").split("/")
        found = self._walk(self._root, segments, {})
        if not found:
            return None
        node, parameters = found
        route = node.routes.get(method) or node.routes.get("ANY")
        return (route, parameters) if route else None

    def _walk(
        self, node: _Node, segments: list[str], parameters: dict[str, str]
    ) -> tuple[_Node, dict[str, str]] | None:
        if not segments:
            return (node, parameters) if node.routes else None
        segment, rest = segments[0], segments[1:]
        child = node.children.get(segment)
        found = self._walk(child, rest, parameters) if child else None
        if not found and node.parameter and segment:
            name, below = node.parameter
            found = self._walk(below, rest, {**parameters, name: unquote(segment)})
        if not found and node.greedy and any(segments):
            name, below = node.greedy
            found = below, {**parameters, name: unquote("/".join(segments))}
        return found
