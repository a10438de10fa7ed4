"""Which route a request is meant for: `Router`, one for all methods, built once at start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar
from urllib.parse import quote

from actionhero import PluginError
from actionhero_web import percent_encoding
from actionhero_web.route import METHODS, Route

if TYPE_CHECKING:
    from collections.abc import Iterable


class Target(Protocol):
    """What a route leads to: an action, as far as the router knows."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def source(self) -> str:
        """Where it was written: `file:line`."""

    @property
    def owner(self) -> str:
        """Who brought it: a plugin with its distribution, or the application."""


T = TypeVar("T", bound=Target)


class Match(Generic[T]):
    """A route that fits, its target, and the parameters of the path.

    `parameters` has the shape of a parsed query: by name, a list of the one decoded text. Where a
    route has none it is one empty dictionary for all requests: read it, never write to it.
    """

    __slots__ = ("parameters", "route", "target")

    def __init__(self, route: Route, target: T, parameters: dict[str, list[str]]) -> None:
        self.route = route
        self.target = target
        self.parameters = parameters

    def __repr__(self) -> str:
        return f"<Match {self.route} {self.parameters}>"


class NoMatch:
    """Why no route fits.

    Args:
        allowed: The methods that the path does answer to, for a 405; empty if there is no such
            path: 404.
        is_malformed: The path is not percent-encoded UTF-8: 400.
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


class Router(Generic[T]):
    """Finds the route of a request. Literal paths cost a look into a dictionary.

    At each segment the literal text wins over a parameter, from left to right, and the parameter
    is tried if the literal leads nowhere. A request for `HEAD` that no route of its own fits is
    answered by the one for `GET`.

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
        self._answer_head_by_get()

    def match(self, method: str, raw_path: str) -> Match[T] | NoMatch:
        """Return the route that a request is meant for.

        Args:
            method: As it was sent: in capitals.
            raw_path: The path below the prefix, not decoded, without the query.
        """
        literals = self._literals.get(method)
        if literals is not None:
            found = literals.get(raw_path)
            if found is not None:
                return found
        segments = raw_path.split("/")
        is_odd = segments.pop(0) != ""  # there is something before the first slash
        if "" in segments:
            if not segments[-1]:
                segments.pop()  # a trailing slash is the same route
            is_odd = is_odd or "" in segments
        if is_odd:
            return NOT_FOUND if _is_readable(raw_path) else MALFORMED
        if "%" in raw_path or not raw_path.isascii():
            try:
                segments = [percent_encoding.decode(segment) for segment in segments]
            except ValueError:
                return MALFORMED
        tree = self._trees.get(method)
        if tree is not None:
            found = _walk(tree, segments)
            if found is not None:
                return found
        if method == "HEAD" and "GET" in self._trees:
            found = _walk(self._trees["GET"], segments)
            if found is not None:
                return found
        return self._refusal(segments)

    def allowed(self, raw_path: str) -> frozenset[str]:
        """Return the methods that a path answers to; none if there is no such path."""
        # No route has this method, so the answer is always why nothing was found.
        outcome = self.match("OPTIONS", raw_path)
        return outcome.allowed if isinstance(outcome, NoMatch) else frozenset()

    def _refusal(self, segments: list[str]) -> NoMatch:
        allowed = {method for method, tree in self._trees.items() if _walk(tree, segments)}
        if not allowed:
            return NOT_FOUND
        if "GET" in allowed:
            allowed.add("HEAD")
        return NoMatch(frozenset((*allowed, "OPTIONS")))

    def _add(self, route: Route, target: T) -> None:
        node = self._trees.setdefault(route.method, _Node())
        for text, is_parameter in route.segments:
            if is_parameter:
                if node.parameter is None:
                    node.parameter = _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(text, _Node())
        if node.match is not None:
            raise PluginError(_clash(node.match.route, node.match.target, route, target))
        node.match = Match(route, target, {})
        node.names = route.parameters
        if not node.names:
            literals = self._literals[route.method]
            for path in _spellings(route):
                literals[path] = node.match

    def _answer_head_by_get(self) -> None:
        head, get = self._trees.get("HEAD"), self._literals["GET"]
        for path, match in get.items():
            # A route for HEAD with a parameter may fit as well, and would win over one for GET.
            if head is None:
                self._literals["HEAD"].setdefault(path, match)


class _Node(Generic[T]):
    """A place in the tree of segments."""

    __slots__ = ("literals", "match", "names", "parameter")

    def __init__(self) -> None:
        self.literals: dict[str, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.match: Match[T] | None = None
        self.names: tuple[str, ...] = ()


def _walk(tree: _Node[T], segments: list[str]) -> Match[T] | None:
    """Follow the segments, literal text first, and go back only if that leads nowhere."""
    node = tree
    values: list[str] = []
    has_fork = False
    for segment in segments:
        child = node.literals.get(segment)
        if child is None:
            child = node.parameter
            if child is None:
                break
            values.append(segment)
        elif node.parameter is not None:
            has_fork = True
        node = child
    else:
        if node.match is not None:
            return _matched(node, node.match, values)
    return _search(tree, segments, 0, []) if has_fork else None


def _search(node: _Node[T], segments: list[str], depth: int, values: list[str]) -> Match[T] | None:
    """Try each way there is below `node`, literal text first."""
    if depth == len(segments):
        return None if node.match is None else _matched(node, node.match, values)
    segment = segments[depth]
    found = None
    literal = node.literals.get(segment)
    if literal is not None:
        found = _search(literal, segments, depth + 1, values)
    if found is None and node.parameter is not None:
        found = _search(node.parameter, segments, depth + 1, [*values, segment])
    return found


def _matched(node: _Node[T], match: Match[T], values: list[str]) -> Match[T]:
    names = node.names
    if not names:
        return match
    if len(names) == 1:
        return Match(match.route, match.target, {names[0]: [values[0]]})
    parameters = {name: [value] for name, value in zip(names, values, strict=True)}
    return Match(match.route, match.target, parameters)


def _is_readable(raw_path: str) -> bool:
    try:
        percent_encoding.decode(raw_path)
    except ValueError:
        return False
    return True


def _spellings(route: Route) -> set[str]:
    """Return how clients write a literal path; other ways to encode it take the longer way."""
    texts = [text for text, _ in route.segments]
    encoded = "/" + "/".join(quote(text, safe="!$&'()*+,;=:@") for text in texts)
    paths = {route.path, encoded}
    if not texts:
        return {"", "/"}
    return paths | {path + "/" for path in paths}


def _clash(first: Route, first_target: Target, second: Route, second_target: Target) -> str:
    if first_target is second_target:
        return (
            f"{_told(first_target)} has two routes that match the "
            f"same requests, '{first}' and '{second}'; remove one of them"
        )
    return (
        f"the route '{first}' of {_told(first_target)} and the route '{second}' of "
        f"{_told(second_target)} match the same requests; change the path or the method of one of "
        "them"
    )


def _told(target: Target) -> str:
    return f"action {target.name!r} ({target.source}, {target.owner})"
