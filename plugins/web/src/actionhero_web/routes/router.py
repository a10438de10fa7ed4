"""The router of requests: `Router`, one for all methods, built once at start-up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Generic
from urllib.parse import quote

from actionhero import PluginError
from actionhero_web.routes.path_template import SegmentKind
from actionhero_web.routes.percent_encoding import percent_decode
from actionhero_web.routes.route import METHODS, Route
from actionhero_web.routes.route_tree import Match, Node, T, Target, find_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class NoMatch:
    """The reason for the lack of a matching route.

    Args:
        allowed: The methods with a route for the path, for status 405; empty for status 404.
        is_malformed: Whether the path is not percent-encoded UTF-8, for status 400.
        others: The matches of the path with these methods.
    """

    __slots__ = ("allowed", "is_malformed", "others")

    def __init__(
        self,
        allowed: frozenset[str],
        *,
        is_malformed: bool = False,
        others: Sequence[Match[Any]] = (),
    ) -> None:
        self.allowed = allowed
        self.is_malformed = is_malformed
        self.others = tuple(others)

    @property
    def allow(self) -> str:
        """The value of an `Allow` header."""
        return ", ".join(method for method in (*METHODS, "OPTIONS") if method in self.allowed)

    def __repr__(self) -> str:
        return f"<NoMatch malformed={self.is_malformed} allowed={self.allow!r}>"


NOT_FOUND: Final = NoMatch(frozenset())
MALFORMED: Final = NoMatch(frozenset(), is_malformed=True)


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
        #: All routes.
        self.routes: list[Route] = []
        self._trees: dict[str, Node[T]] = {}
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
            match = find_match(tree, segments)
            if match is not None:
                return match
        if method == "HEAD" and "GET" in self._trees:
            match = find_match(self._trees["GET"], segments)
            if match is not None:
                return match
        return self._no_match(segments)

    def allowed(self, encoded_path: str) -> frozenset[str]:
        """Return the methods with a route for a path; none if there are none."""
        # No route has this method, so the result is always a `NoMatch`.
        result = self.match("OPTIONS", encoded_path)
        return result.allowed if isinstance(result, NoMatch) else frozenset()

    def _no_match(self, segments: list[str]) -> NoMatch:
        matches = {
            method: match
            for method, tree in self._trees.items()
            if (match := find_match(tree, segments)) is not None
        }
        if not matches:
            return NOT_FOUND
        head = ("HEAD",) if "GET" in matches else ()
        return NoMatch(frozenset((*matches, *head, "OPTIONS")), others=[*matches.values()])

    def _add(self, route: Route, target: T) -> None:
        self.routes.append(route)
        node = self._trees.setdefault(route.method, Node())
        root = node
        for text, kind in route.segments:
            if kind is SegmentKind.LITERAL:
                node = node.literals.setdefault(text, Node())
            elif kind is SegmentKind.PARAMETER:
                node.parameter = node.parameter or Node()
                node = node.parameter
            else:
                root.has_tails = True
                node.tail = node.tail or Node()
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
