"""The tree of the segments of routes, in which the router finds the route of a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from actionhero_web.routes.route import Route


class Target(Protocol):
    """The target of a route: the attributes of an action that the router needs."""

    @property
    def name(self) -> str:
        """The name of the action."""

    @property
    def source(self) -> str:
        """The location of its definition: `file:line`."""

    @property
    def owner(self) -> str:
        """Its provider: a plugin with its distribution, or the application."""


T = TypeVar("T", bound=Target)


class Match(Generic[T]):
    """A matching route, its target, and the parameters of the path.

    `parameters` has the format of a parsed query: by name, a list with the one decoded text. A
    route without parameters shares one empty dictionary between all requests: it is read-only.
    """

    __slots__ = ("parameters", "route", "target")

    def __init__(self, route: Route, target: T, parameters: dict[str, list[str]]) -> None:
        self.route = route
        self.target = target
        self.parameters = parameters

    def __repr__(self) -> str:
        return f"<Match {self.route} {self.parameters}>"


#: Segments that change the folder (RFC 3986, section 5.2.4).
_DOT_SEGMENTS: Final = frozenset({".", ".."})


class Node(Generic[T]):
    """A node in the tree of segments."""

    __slots__ = ("has_tails", "literals", "match", "names", "parameter", "tail")

    def __init__(self) -> None:
        self.literals: dict[str, Node[T]] = {}
        self.parameter: Node[T] | None = None
        #: The node after the rest of the path.
        self.tail: Node[T] | None = None
        #: Whether a node of the tree has a tail; set at its root.
        self.has_tails = False
        self.match: Match[T] | None = None
        self.names: tuple[str, ...] = ()


def find_match(tree: Node[T], segments: list[str]) -> Match[T] | None:
    """Follow the segments, literal text first, and backtrack only if that leads to no route."""
    node = tree
    values: list[str] = []
    has_fork = False
    for segment in segments:
        child = node.literals.get(segment)
        if child is None:
            child = node.parameter
            if child is None or not segment:
                break
            values.append(segment)
        elif node.parameter is not None:
            has_fork = True
        node = child
    else:
        if node.match is not None:
            return _matched(node, node.match, values)
    return _search(tree, segments, 0, []) if has_fork or tree.has_tails else None


def _search(node: Node[T], segments: list[str], depth: int, values: list[str]) -> Match[T] | None:
    """Try all branches below `node`: literal text, the parameter, and the rest of the path."""
    if depth == len(segments):
        return None if node.match is None else _matched(node, node.match, values)
    segment = segments[depth]
    match = None
    literal = node.literals.get(segment)
    if literal is not None:
        match = _search(literal, segments, depth + 1, values)
    if match is None and node.parameter is not None and segment:
        match = _search(node.parameter, segments, depth + 1, [*values, segment])
    if match is None and node.tail is not None and node.tail.match is not None:
        rest = "/".join(segments[depth:])
        if _is_safe(rest):
            match = _matched(node.tail, node.tail.match, [*values, rest])
    return match


def _is_safe(path: str) -> bool:
    """Whether a decoded path stays below a folder that it is appended to."""
    return not path.startswith("/") and _DOT_SEGMENTS.isdisjoint(path.split("/"))


def _matched(node: Node[T], match: Match[T], values: list[str]) -> Match[T]:
    names = node.names
    if not names:
        return match
    if len(names) == 1:
        return Match(match.route, match.target, {names[0]: [values[0]]})
    parameters = {name: [value] for name, value in zip(names, values, strict=True)}
    return Match(match.route, match.target, parameters)
