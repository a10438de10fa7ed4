"""The router of requests: `Router`, one for all methods, built once at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar
from urllib.parse import quote

from actionhero import PluginError
from actionhero_web.routes.path_template import SegmentKind
from actionhero_web.routes.percent_encoding import percent_decode
from actionhero_web.routes.route import METHODS, Route

if TYPE_CHECKING:
    from collections.abc import Iterable


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


class NoMatch:
    """The reason for the lack of a matching route.

    Args:
        allowed: The methods with a route for the path, for status 405; empty for status 404.
        is_malformed: Whether the path is not percent-encoded UTF-8, for status 400.
    """

    __slots__ = ("allowed", "is_malformed")

    def __init__(self, allowed: frozenset[str], *, is_malformed: bool = False) -> None:
        self.allowed = allowed
        self.is_malformed = is_malformed

    @property
    def allow(self) -> str:
        """The value of an `Allow` header."""
        return ", ".join(method for method in (*METHODS, "OPTIONS") if method in self.allowed)

    def __repr__(self) -> str:
        return f"<NoMatch malformed={self.is_malformed} allowed={self.allow!r}>"


NOT_FOUND: Final = NoMatch(frozenset())
MALFORMED: Final = NoMatch(frozenset(), is_malformed=True)


#: Segments that change the folder (RFC 3986, section 5.2.4).
_DOT_SEGMENTS: Final = frozenset({".", ".."})


class Router(Generic[T]):
    """Finds the route of a request. A literal path takes one lookup in a dictionary.

    At each segment, from left to right, literal text takes precedence over a parameter, and that
    over the rest of the path, which is tried if the other leads to no route. A request for `HEAD`
    without a matching route for `HEAD` gets the one for `GET`.

    Args:
        routes: All routes, each with its target.

    Raises:
        PluginError: Two routes of one method match the same requests. Both targets are named.
    """

    def __init__(self, routes: Iterable[tuple[Route, T]]) -> None:
        self._trees: dict[str, _Node[T]] = {}
        self._literals: dict[str, dict[str, Match[T]]] = {method: {} for method in METHODS}
        for route, target in routes:
            self._add(route, target)
        self._add_head_routes()

    def match(self, method: str, encoded_path: str) -> Match[T] | NoMatch:
        """Return the matching route of a request.

        Args:
            method: The method, in upper case.
            encoded_path: The undecoded path below the prefix, without the query.
        """
        literals = self._literals.get(method)
        if literals is not None:
            match = literals.get(encoded_path)
            if match is not None:
                return match
        segments = encoded_path.split("/")
        if segments.pop(0) != "":  # text before the first slash
            return NOT_FOUND if _is_decodable(encoded_path) else MALFORMED
        if segments and not segments[-1]:
            segments.pop()  # a trailing slash is ignored
        if "%" in encoded_path or not encoded_path.isascii():
            try:
                segments = [percent_decode(segment) for segment in segments]
            except ValueError:
                return MALFORMED
        tree = self._trees.get(method)
        if tree is not None:
            match = _walk(tree, segments)
            if match is not None:
                return match
        if method == "HEAD" and "GET" in self._trees:
            match = _walk(self._trees["GET"], segments)
            if match is not None:
                return match
        return self._no_match(segments)

    def allowed(self, encoded_path: str) -> frozenset[str]:
        """Return the methods with a route for a path; none if there are none."""
        # No route has this method, so the result is always a `NoMatch`.
        result = self.match("OPTIONS", encoded_path)
        return result.allowed if isinstance(result, NoMatch) else frozenset()

    def _no_match(self, segments: list[str]) -> NoMatch:
        allowed = {method for method, tree in self._trees.items() if _walk(tree, segments)}
        if not allowed:
            return NOT_FOUND
        if "GET" in allowed:
            allowed.add("HEAD")
        return NoMatch(frozenset((*allowed, "OPTIONS")))

    def _add(self, route: Route, target: T) -> None:
        node = self._trees.setdefault(route.method, _Node())
        root = node
        for text, kind in route.segments:
            if kind is SegmentKind.LITERAL:
                node = node.literals.setdefault(text, _Node())
            elif kind is SegmentKind.PARAMETER:
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                root.has_tails = True
                node.tail = node.tail or _Node()
                node = node.tail
        if node.match is not None:
            raise PluginError(_conflict_message(node.match.route, node.match.target, route, target))
        node.match = Match(route, target, {})
        node.names = route.parameters
        if not node.names:
            literals = self._literals[route.method]
            for path in _spellings(route):
                literals[path] = node.match

    def _add_head_routes(self) -> None:
        head, get = self._trees.get("HEAD"), self._literals["GET"]
        for path, match in get.items():
            # A route for HEAD with a parameter may match too, and takes precedence.
            if head is None:
                self._literals["HEAD"].setdefault(path, match)


class _Node(Generic[T]):
    """A node in the tree of segments."""

    __slots__ = ("has_tails", "literals", "match", "names", "parameter", "tail")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        #: The node after the rest of the path.
        self.tail: _Node[T] | None = None
        #: Whether a node of the tree has a tail; set at its root.
        self.has_tails = False
        self.match: Match[T] | None = None
        self.names: tuple[str, ...] = ()


def _walk(tree: _Node[T], segments: list[str]) -> Match[T] | None:
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


def _search(node: _Node[T], segments: list[str], depth: int, values: list[str]) -> Match[T] | None:
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


def _matched(node: _Node[T], match: Match[T], values: list[str]) -> Match[T]:
    names = node.names
    if not names:
        return match
    if len(names) == 1:
        return Match(match.route, match.target, {names[0]: [values[0]]})
    parameters = {name: [value] for name, value in zip(names, values, strict=True)}
    return Match(match.route, match.target, parameters)


def _is_decodable(encoded_path: str) -> bool:
    try:
        percent_decode(encoded_path)
    except ValueError:
        return False
    return True


def _spellings(route: Route) -> set[str]:
    """Return the usual encodings of a literal path; unusual ones are found by the tree."""
    texts = [text for text, _ in route.segments]
    encoded = "/" + "/".join(quote(text, safe="!$&'()*+,;=:@") for text in texts)
    paths = {route.path, encoded}
    if not texts:
        return {"", "/"}
    return paths | {path + "/" for path in paths}


def _conflict_message(
    first: Route, first_target: Target, second: Route, second_target: Target
) -> str:
    if first_target is second_target:
        return (
            f"{_describe(first_target)} has two routes that match the "
            f"same requests, '{first}' and '{second}'; remove one of them"
        )
    return (
        f"the route '{first}' of {_describe(first_target)} and the route '{second}' of "
        f"{_describe(second_target)} match the same requests; change the path or the method of "
        "one of them"
    )


def _describe(target: Target) -> str:
    return f"action {target.name!r} ({target.source}, {target.owner})"
