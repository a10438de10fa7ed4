"""Which route a request is meant for."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero.errors import PluginError
from actionhero_web.route import METHODS, Route
from actionhero_web.router import Match, NoMatch, Router


@dataclass(frozen=True)
class Page:
    name: str
    source: str = "app/actions.py:1"
    owner: str = "application 'app'"


def router(*routes: str) -> Router[Page]:
    return Router([(Route.parse(route)[0], Page(route)) for route in routes])


def found(outcome: Match[Page] | NoMatch) -> tuple[str, dict[str, list[str]]]:
    assert isinstance(outcome, Match), outcome
    return outcome.target.name, outcome.parameters


def refused(outcome: Match[Page] | NoMatch) -> NoMatch:
    assert isinstance(outcome, NoMatch), outcome
    return outcome


def test_a_literal_path_is_found() -> None:
    """The plain case."""
    outcome = router("GET /status", "PUT /user").match("PUT", "/user")

    assert found(outcome) == ("PUT /user", {})


def test_parameters_are_taken_from_the_path() -> None:
    """Each is a list of one, in the shape of a parsed query."""
    outcome = router("GET /user/{id}/part/{part}").match("GET", "/user/7/part/x")

    assert found(outcome) == ("GET /user/{id}/part/{part}", {"id": ["7"], "part": ["x"]})


def test_text_wins_over_a_parameter() -> None:
    """`/user/me` is not the user called "me"."""
    routes = router("GET /user/{id}", "GET /user/me")

    assert found(routes.match("GET", "/user/me"))[0] == "GET /user/me"
    assert found(routes.match("GET", "/user/7"))[0] == "GET /user/{id}"


def test_the_leftmost_text_wins() -> None:
    """Between `/a/{x}` and `/{x}/b`, the one that is text first."""
    routes = router("GET /{x}/b", "GET /a/{x}")

    assert found(routes.match("GET", "/a/b")) == ("GET /a/{x}", {"x": ["b"]})


def test_a_parameter_is_tried_where_text_leads_nowhere() -> None:
    """A route is found if there is one, however the paths overlap."""
    routes = router("GET /user/me/settings", "GET /user/{id}/parts", "GET /{any}/me/{thing}")

    assert found(routes.match("GET", "/user/me/parts")) == ("GET /user/{id}/parts", {"id": ["me"]})
    assert found(routes.match("GET", "/user/me/x")) == (
        "GET /{any}/me/{thing}",
        {"any": ["user"], "thing": ["x"]},
    )


@pytest.mark.parametrize("path", ["/user/7/", "/user/7"])
def test_a_trailing_slash_is_the_same_route(path: str) -> None:
    """Clients add one, or leave it out."""
    assert found(router("GET /user/{id}").match("GET", path)) == ("GET /user/{id}", {"id": ["7"]})


@pytest.mark.parametrize("path", ["", "/"])
def test_the_prefix_alone_is_a_route_of_its_own(path: str) -> None:
    """`GET /` is reached by the prefix, with or without a slash."""
    assert found(router("GET /").match("GET", path)) == ("GET /", {})
    assert refused(router("GET /{id}").match("GET", path)).allowed == frozenset()


@pytest.mark.parametrize("path", ["/a//b", "//a/b", "/a/b//", "//", "a/b", "/a/ /b", "/A/b"])
def test_what_only_looks_similar_is_not_found(path: str) -> None:
    """Empty segments are not skipped, and letters keep their case."""
    outcome = refused(router("GET /a/b", "GET /a/{id}/c", "GET /").match("GET", path))

    assert (outcome.allowed, outcome.is_malformed) == (frozenset(), False)


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
    """An escaped slash belongs to the value."""
    assert found(router("GET /channel/{name}").match("GET", path))[1] == {"name": [value]}


@pytest.mark.parametrize("written", ["/café", "/caf%C3%A9", "/caf%c3%a9"])
@pytest.mark.parametrize("asked", ["/café", "/caf%C3%A9", "/caf%c3%a9/", "/%63af%C3%A9"])
def test_it_does_not_matter_how_text_is_escaped(written: str, asked: str) -> None:
    """Neither in the template nor in the request."""
    assert found(router(f"GET {written}").match("GET", asked)) == (f"GET {written}", {})


@pytest.mark.parametrize("path", ["/user/%", "/user/%zz", "/user/%F", "/user/%ff", "/%c3", "/%//"])
@pytest.mark.parametrize("method", ["GET", "BREW"])
def test_a_path_that_cannot_be_read_is_malformed(path: str, method: str) -> None:
    """It is the client's mistake, and not a page that is missing."""
    assert refused(router("GET /user/{id}").match(method, path)).is_malformed


def test_stray_bytes_are_malformed() -> None:
    """Servers hand us what is not UTF-8 as lone surrogates."""
    raw = b"/user/\xff".decode(errors="surrogateescape")

    assert refused(router("GET /user/{id}").match("GET", raw)).is_malformed


def test_another_method_is_told_which_ones_there_are() -> None:
    """The path is there, so it is no 404."""
    routes = router("GET /user/{id}", "DELETE /user/{id}", "PUT /user/me")

    assert refused(routes.match("PATCH", "/user/7")).allow == "GET, HEAD, DELETE, OPTIONS"
    assert refused(routes.match("BREW", "/user/me")).allow == "GET, HEAD, PUT, DELETE, OPTIONS"
    assert refused(routes.match("GET", "/nowhere")).allow == ""
    assert routes.allowed("/user/me/") == {"GET", "HEAD", "PUT", "DELETE", "OPTIONS"}
    assert routes.allowed("/nowhere") == frozenset()


def test_head_is_answered_by_get() -> None:
    """For text and for parameters."""
    routes = router("GET /status", "GET /user/{id}", "PUT /user")

    assert found(routes.match("HEAD", "/status"))[0] == "GET /status"
    assert found(routes.match("HEAD", "/user/7"))[0] == "GET /user/{id}"
    assert refused(routes.match("HEAD", "/user")).allow == "PUT, OPTIONS"


def test_head_may_have_a_route_of_its_own() -> None:
    """It wins over the one for GET."""
    routes = router("GET /file/{id}", "HEAD /file/{id}", "GET /status", "GET /file/x")

    assert found(routes.match("HEAD", "/file/7"))[0] == "HEAD /file/{id}"
    assert found(routes.match("HEAD", "/file/x"))[0] == "HEAD /file/{id}"
    assert found(routes.match("HEAD", "/status"))[0] == "GET /status"


def test_an_empty_router_finds_nothing() -> None:
    """An application without routes starts too."""
    assert refused(router().match("GET", "/")).allowed == frozenset()


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
    """Both actions are named, and where they are."""
    (one,), (two,) = Route.parse(first), Route.parse(second)
    view = Page("user:view", "app/users.py:12")
    show = Page("user:show", "lib/show.py:3", "plugin 'lib'")

    with pytest.raises(PluginError) as raised:
        Router([(one, view), (two, show)])

    assert str(raised.value) == (
        f"the route '{one}' of action 'user:view' (app/users.py:12, application 'app') and the "
        f"route '{two}' of action 'user:show' (lib/show.py:3, plugin 'lib') match the same "
        "requests; change the path or the method of one of them"
    )


def test_an_action_that_says_the_same_twice_is_told_so() -> None:
    """It is one mistake of one author."""
    page = Page("user:view", "app/users.py:12")

    with pytest.raises(PluginError) as raised:
        Router([(Route.get("/user/{a}"), page), (Route.get("/user/{b}"), page)])

    assert str(raised.value) == (
        "action 'user:view' (app/users.py:12, application 'app') has two routes that match the "
        "same requests, 'GET /user/{a}' and 'GET /user/{b}'; remove one of them"
    )


def test_the_same_path_with_another_method_is_no_clash() -> None:
    """Nor is a parameter beside a text."""
    routes = router("GET /user", "PUT /user", "GET /user/{id}", "GET /user/me")

    assert found(routes.match("PUT", "/user"))[0] == "PUT /user"


# --- against a matcher so naive that it is plainly right -----------------------------------------

_NAMES = st.sampled_from(["a", "b", "é", "x y", "a/b"])
_TEMPLATES = st.lists(_NAMES | st.none(), max_size=4)
_ROUTES = st.lists(st.tuples(st.sampled_from(METHODS[:4]), _TEMPLATES), max_size=12)


def _route(method: str, template: list[str | None]) -> Route:
    parts = [
        f"{{p{at}}}" if text is None else quote(text, safe="") for at, text in enumerate(template)
    ]
    return Route(method, "/" + "/".join(parts))


def _shape(route: Route) -> tuple[object, ...]:
    return (route.method, *(None if is_one else text for text, is_one in route.segments))


def _naive(routes: list[Route], method: str, path: str) -> Route | None:
    """Return the route that matches, the one with the leftmost text if several do."""
    parts = [unquote(part) for part in path.removesuffix("/").split("/")[1:]]

    def fits(route: Route) -> bool:
        return (
            route.method == method
            and len(route.segments) == len(parts)
            and all(
                is_one or text == part
                for (text, is_one), part in zip(route.segments, parts, strict=True)
            )
        )

    best = sorted(filter(fits, routes), key=lambda route: [one for _, one in route.segments])
    if best:
        return best[0]
    return _naive(routes, "GET", path) if method == "HEAD" else None


@settings(deadline=None)
@given(
    _ROUTES,
    st.sampled_from(METHODS[:4]),
    st.lists(_NAMES, max_size=4),
    st.booleans(),
)
def test_the_tree_agrees_with_looking_at_each_route(
    written: list[tuple[str, list[str | None]]], method: str, parts: list[str], slash: bool
) -> None:
    """Speed changes nothing about what is found."""
    routes = list({_shape(route): route for route in (_route(*each) for each in written)}.values())
    path = "/" + "/".join(quote(part, safe="") for part in parts) + ("/" if slash and parts else "")

    outcome = Router([(route, Page(str(route))) for route in routes]).match(method, path)

    expected = _naive(routes, method, path)
    if expected is None:
        allowed = {each for each in METHODS if _naive(routes, each, path)}
        assert refused(outcome).allowed == (allowed | {"OPTIONS"} if allowed else set())
        return
    name, parameters = found(outcome)
    assert name == str(expected)
    values = [part for part, (_, one) in zip(parts, expected.segments, strict=True) if one]
    assert parameters == {
        name: [value] for name, value in zip(expected.parameters, values, strict=True)
    }


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_request_breaks_the_router(method: str, path: str) -> None:
    """Whatever a stranger sends finds something, or nothing."""
    routes = router("GET /", "GET /{a}", "GET /{a}/b", "POST /a/{b}/c")

    assert isinstance(routes.match(method, path), (Match, NoMatch))
    assert isinstance(routes.match("GET", "/" + path), (Match, NoMatch))


@settings(deadline=None)
@given(st.text(min_size=1))
def test_every_text_survives_the_way_through_a_path(text: str) -> None:
    """What a client escapes is what the action reads."""
    try:
        path = "/x/" + quote(text, safe="")
    except UnicodeEncodeError:
        return

    assert found(router("GET /x/{text}").match("GET", path))[1] == {"text": [text]}
