"""The router of requests."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero.errors import PluginError
from actionhero_web.routes.path_template import SegmentKind
from actionhero_web.routes.route import METHODS, Route
from actionhero_web.routes.route_tree import Match
from actionhero_web.routes.router import NoMatch, Router


@dataclass(frozen=True)
class Target:
    name: str
    source: str = "app/actions.py:1"
    owner: str = "application 'app'"


def router(*routes: str) -> Router[Target]:
    return Router([(Route.parse(route)[0], Target(route)) for route in routes])


def matched(result: Match[Target] | NoMatch) -> tuple[str, dict[str, list[str]]]:
    assert isinstance(result, Match), result
    return result.target.name, result.parameters


def unmatched(result: Match[Target] | NoMatch) -> NoMatch:
    assert isinstance(result, NoMatch), result
    return result


def test_a_literal_path_matches() -> None:
    """A route without parameters."""
    result = router("GET /status", "PUT /user").match("PUT", "/user")

    assert matched(result) == ("PUT /user", {})


def test_parameters_are_extracted_from_the_path() -> None:
    """Each is a list with one value, like in a parsed query."""
    result = router("GET /user/{id}/part/{part}").match("GET", "/user/7/part/x")

    assert matched(result) == ("GET /user/{id}/part/{part}", {"id": ["7"], "part": ["x"]})


def test_text_takes_precedence_over_a_parameter() -> None:
    """`/user/me` is not the user "me"."""
    routes = router("GET /user/{id}", "GET /user/me")

    assert matched(routes.match("GET", "/user/me"))[0] == "GET /user/me"
    assert matched(routes.match("GET", "/user/7"))[0] == "GET /user/{id}"


def test_the_leftmost_text_takes_precedence() -> None:
    """`/a/{x}` takes precedence over `/{x}/b`."""
    routes = router("GET /{x}/b", "GET /a/{x}")

    assert matched(routes.match("GET", "/a/b")) == ("GET /a/{x}", {"x": ["b"]})


def test_a_parameter_is_tried_if_text_leads_to_no_route() -> None:
    """An existing route is found even if paths overlap."""
    routes = router("GET /user/me/settings", "GET /user/{id}/parts", "GET /{any}/me/{thing}")

    assert matched(routes.match("GET", "/user/me/parts")) == (
        "GET /user/{id}/parts",
        {"id": ["me"]},
    )
    assert matched(routes.match("GET", "/user/me/x")) == (
        "GET /{any}/me/{thing}",
        {"any": ["user"], "thing": ["x"]},
    )


@pytest.mark.parametrize("path", ["/user/7/", "/user/7"])
def test_a_trailing_slash_is_ignored(path: str) -> None:
    """The route is the same with and without it."""
    assert matched(router("GET /user/{id}").match("GET", path)) == ("GET /user/{id}", {"id": ["7"]})


@pytest.mark.parametrize("path", ["", "/"])
def test_the_root_path_is_a_route_of_its_own(path: str) -> None:
    """`GET /` matches the prefix, with or without a slash."""
    assert matched(router("GET /").match("GET", path)) == ("GET /", {})
    assert unmatched(router("GET /{id}").match("GET", path)).allowed == frozenset()


@pytest.mark.parametrize("path", ["/a//b", "//a/b", "/a/b//", "//", "a/b", "/a/ /b", "/A/b"])
def test_similar_paths_do_not_match(path: str) -> None:
    """Empty segments are not skipped, and case is significant."""
    result = unmatched(router("GET /a/b", "GET /a/{id}/c", "GET /").match("GET", path))

    assert (result.allowed, result.is_malformed) == (frozenset(), False)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/channel/room%3A1", "room:1"),
        ("/channel/a%2Fb", "a/b"),
        ("/channel/caf%c3%a9", "café"),
        ("/channel/café", "café"),
        ("/channel/a+b", "a+b"),
        ("/channel/%25", "%"),
        ("/channel/%00", "\0"),
        ("/channel/%2e%2e", ".."),
    ],
)
def test_parameters_are_decoded_after_the_path_is_split(path: str, value: str) -> None:
    """An encoded slash is part of the value."""
    assert matched(router("GET /channel/{name}").match("GET", path))[1] == {"name": [value]}


@pytest.mark.parametrize("template", ["/café", "/caf%C3%A9", "/caf%c3%a9"])
@pytest.mark.parametrize("path", ["/café", "/caf%C3%A9", "/caf%c3%a9/", "/%63af%C3%A9"])
def test_text_matches_in_every_encoding(template: str, path: str) -> None:
    """Both in the template and in the request."""
    assert matched(router(f"GET {template}").match("GET", path)) == (f"GET {template}", {})


@pytest.mark.parametrize("path", ["/user/%", "/user/%zz", "/user/%F", "/user/%ff", "/%c3", "/%//"])
@pytest.mark.parametrize("method", ["GET", "BREW"])
def test_an_undecodable_path_is_malformed(path: str, method: str) -> None:
    """The status is 400 instead of 404."""
    assert unmatched(router("GET /user/{id}").match(method, path)).is_malformed


def test_invalid_utf8_is_malformed() -> None:
    """aiohttp decodes invalid bytes to lone surrogates."""
    path = b"/user/\xff".decode(errors="surrogateescape")

    assert unmatched(router("GET /user/{id}").match("GET", path)).is_malformed


def test_another_method_gets_the_allowed_methods() -> None:
    """The path exists, so the status is not 404."""
    routes = router("GET /user/{id}", "DELETE /user/{id}", "PUT /user/me")

    assert unmatched(routes.match("PATCH", "/user/7")).allow == "GET, HEAD, DELETE, OPTIONS"
    assert unmatched(routes.match("BREW", "/user/me")).allow == "GET, HEAD, PUT, DELETE, OPTIONS"
    assert unmatched(routes.match("GET", "/nowhere")).allow == ""
    assert routes.allowed("/user/me/") == {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
    assert routes.allowed("/nowhere") == frozenset()


def test_head_uses_the_route_for_get() -> None:
    """With literal paths and with parameters."""
    routes = router("GET /status", "GET /user/{id}", "PUT /user")

    assert matched(routes.match("HEAD", "/status"))[0] == "GET /status"
    assert matched(routes.match("HEAD", "/user/7"))[0] == "GET /user/{id}"
    assert unmatched(routes.match("HEAD", "/user")).allow == "PUT, OPTIONS"


def test_head_may_have_its_own_route() -> None:
    """It takes precedence over the route for GET."""
    routes = router("GET /file/{id}", "HEAD /file/{id}", "GET /status", "GET /file/x")

    assert matched(routes.match("HEAD", "/file/7"))[0] == "HEAD /file/{id}"
    assert matched(routes.match("HEAD", "/file/x"))[0] == "HEAD /file/{id}"
    assert matched(routes.match("HEAD", "/status"))[0] == "GET /status"


def test_an_empty_router_matches_nothing() -> None:
    """An application without routes is valid."""
    assert unmatched(router().match("GET", "/")).allowed == frozenset()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("GET /user/{id}", "GET /user/{name}"),
        ("GET /user", "GET /user/"),
        ("GET /café", "GET /caf%C3%A9"),
        ("GET /user/:id", "GET /user/{id}"),
    ],
)
def test_two_routes_for_the_same_requests_are_an_error(first: str, second: str) -> None:
    """The error contains both actions and their locations."""
    (one,), (two,) = Route.parse(first), Route.parse(second)
    view = Target("user:view", "app/users.py:12")
    show = Target("user:show", "lib/show.py:3", "plugin 'lib'")

    with pytest.raises(PluginError) as raised:
        Router([(one, view), (two, show)])

    assert str(raised.value) == (
        f"the route '{one}' of action 'user:view' (app/users.py:12, application 'app') and the "
        f"route '{two}' of action 'user:show' (lib/show.py:3, plugin 'lib') match the same "
        "requests; change the path or the method of one of them"
    )


def test_two_equal_routes_of_one_action_are_an_error() -> None:
    """The error contains the action once."""
    target = Target("user:view", "app/users.py:12")

    with pytest.raises(PluginError) as raised:
        Router([(Route.get("/user/{a}"), target), (Route.get("/user/{b}"), target)])

    assert str(raised.value) == (
        "action 'user:view' (app/users.py:12, application 'app') has two routes that match the "
        "same requests, 'GET /user/{a}' and 'GET /user/{b}'; remove one of them"
    )


def test_the_same_path_with_another_method_is_not_a_conflict() -> None:
    """A parameter and a text at the same position are not either."""
    routes = router("GET /user", "PUT /user", "GET /user/{id}", "GET /user/me")

    assert matched(routes.match("PUT", "/user"))[0] == "PUT /user"


# --- the rest of the path -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        ("/files/a", "a"),
        ("/files/a/b/c", "a/b/c"),
        ("/files/a/b/", "a/b"),
        ("/files/a%20b/caf%C3%A9", "a b/café"),
        # Generated clients encode the slash.
        ("/files/a%2Fb", "a/b"),
        ("/files/https://example.com/x", "https://example.com/x"),
        ("/files/...", "..."),
    ],
)
def test_the_last_parameter_takes_the_rest_of_the_path(path: str, rest: str) -> None:
    """Decoded, without a trailing slash."""
    result = router("GET /files/{name:path}", "GET /files").match("GET", path)

    assert matched(result) == ("GET /files/{name:path}", {"name": [rest]})


@pytest.mark.parametrize(
    "path",
    [
        "/files/../secret",
        "/files/a/../../secret",
        "/files/%2e%2e/secret",
        "/files/..%2Fsecret",
        "/files/./a",
        "/files//etc/passwd",
        "/files/%2Fetc/passwd",
        "/files/..",
        "/files/",
        "/files",
        "/filesystem",
    ],
)
def test_the_rest_of_the_path_stays_below_its_folder(path: str) -> None:
    """An action may append it to a folder: it is not empty, not absolute, and does not go up."""
    assert unmatched(router("GET /files/{name:path}").match("GET", path)).allowed == frozenset()


def test_text_and_parameters_take_precedence_over_the_rest_of_the_path() -> None:
    """At each segment; the rest is the last attempt."""
    routes = router(
        "GET /{any:path}", "GET /user/{id}", "GET /user/{id}/part", "GET /user/{rest:path}"
    )

    assert matched(routes.match("GET", "/user/7")) == ("GET /user/{id}", {"id": ["7"]})
    assert matched(routes.match("GET", "/user/7/x")) == ("GET /user/{rest:path}", {"rest": ["7/x"]})
    assert matched(routes.match("GET", "/user/7/part"))[0] == "GET /user/{id}/part"
    assert matched(routes.match("HEAD", "/x/y")) == ("GET /{any:path}", {"any": ["x/y"]})
    assert unmatched(routes.match("POST", "/x/y")).allow == "GET, HEAD, OPTIONS"


def test_two_routes_for_the_rest_of_a_path_are_an_error() -> None:
    """The names of the parameters make no difference."""
    with pytest.raises(PluginError, match="match the same requests"):
        router("GET /files/{a:path}", "GET /files/{b:path}")


# --- comparison with a naive implementation -----------------------------------------------------

_NAMES = st.sampled_from(["a", "b", "é", "x y", "a/b"])
_TEMPLATES = st.lists(_NAMES | st.none(), max_size=4)
_ROUTES = st.lists(st.tuples(st.sampled_from(METHODS[:4]), _TEMPLATES, st.booleans()), max_size=12)


def _route(method: str, template: list[str | None], has_tail: bool) -> Route:
    parts = [
        f"{{p{at}}}" if text is None else quote(text, safe="") for at, text in enumerate(template)
    ] + ["{tail:path}"] * has_tail
    return Route(method, "/" + "/".join(parts))


def _shape(route: Route) -> tuple[object, ...]:
    literal = SegmentKind.LITERAL
    return (route.method, *(s.text if s.kind is literal else s.kind for s in route.segments))


def _naive(routes: list[Route], method: str, path: str) -> tuple[Route, list[str]] | None:
    """Return the matching route, of several the one with the leftmost text, and the values."""
    parts = [unquote(part) for part in path.removesuffix("/").split("/")[1:]]
    matches = []
    for route in routes:
        kinds = [segment.kind for segment in route.segments]
        split = list(parts)
        if SegmentKind.TAIL in kinds and len(parts) >= len(kinds):
            split[len(kinds) - 1 :] = ["/".join(parts[len(kinds) - 1 :])]
        if route.method != method or len(split) != len(kinds):
            continue
        if all(
            kind is not SegmentKind.LITERAL or text == part
            for (text, kind), part in zip(route.segments, split, strict=True)
        ):
            values = [v for v, kind in zip(split, kinds, strict=True) if kind.value != "literal"]
            matches.append(([list(SegmentKind).index(kind) for kind in kinds], str(route), values))
    if matches:
        _, name, values = min(matches)
        return Route.parse(name)[0], values
    return _naive(routes, "GET", path) if method == "HEAD" else None


@settings(deadline=None)
@given(
    _ROUTES,
    st.sampled_from(METHODS[:4]),
    st.lists(_NAMES, max_size=4),
    st.booleans(),
)
def test_the_router_agrees_with_a_naive_implementation(
    template: list[tuple[str, list[str | None], bool]], method: str, parts: list[str], slash: bool
) -> None:
    """For random routes and paths."""
    routes = list({_shape(route): route for route in (_route(*each) for each in template)}.values())
    path = "/" + "/".join(quote(part, safe="") for part in parts) + ("/" if slash and parts else "")

    result = Router([(route, Target(str(route))) for route in routes]).match(method, path)

    expected = _naive(routes, method, path)
    if expected is None:
        allowed = {each for each in METHODS if _naive(routes, each, path)}
        assert unmatched(result).allowed == (allowed | {"OPTIONS"} if allowed else set())
        return
    route, values = expected
    name, parameters = matched(result)
    assert name == str(route)
    assert parameters == {
        name: [value] for name, value in zip(route.parameters, values, strict=True)
    }


@settings(deadline=None)
@given(st.text(), st.text())
def test_arbitrary_requests_are_handled(method: str, path: str) -> None:
    """The result is a match or its absence."""
    routes = router("GET /", "GET /{a}", "GET /{a}/b", "POST /a/{b}/c")

    assert isinstance(routes.match(method, path), (Match, NoMatch))
    assert isinstance(routes.match("GET", "/" + path), (Match, NoMatch))


@settings(deadline=None)
@given(st.text(min_size=1))
def test_every_parameter_round_trips(text: str) -> None:
    """The action gets the text that the client has encoded."""
    try:
        path = "/x/" + quote(text, safe="")
    except UnicodeEncodeError:
        return

    assert matched(router("GET /x/{text}").match("GET", path))[1] == {"text": [text]}
