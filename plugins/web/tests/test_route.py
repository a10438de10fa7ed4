"""The routes of actions, as authors declare them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero import Action
from actionhero.testing import running_app
from actionhero_web import build_application
from actionhero_web import plugin as web_plugin
from actionhero_web.routes.path_template import Segment, SegmentKind
from actionhero_web.routes.route import METHODS, Route, check_status


@pytest.mark.parametrize(
    ("route", "method"),
    [
        (Route.get("/x"), "GET"),
        (Route.head("/x"), "HEAD"),
        (Route.post("/x"), "POST"),
        (Route.put("/x"), "PUT"),
        (Route.patch("/x"), "PATCH"),
        (Route.delete("/x"), "DELETE"),
    ],
)
def test_each_method_has_a_constructor(route: Route, method: str) -> None:
    """`Route.put("/user")` is a route for `PUT`."""
    assert (route.method, route.path, route.status) == (method, "/x", 200)


def test_a_route_may_set_the_status_of_a_success() -> None:
    """A number, or a function of the returned value."""
    created = Route.put("/user", status=201)
    by_value = Route.get("/status", status=lambda value: 200 if value else 503)

    assert created.status == 201
    assert callable(by_value.status)
    assert by_value.status(None) == 503


@pytest.mark.parametrize(
    "declaration",
    [
        "PUT /user/{id}",
        "put   /user/{id}",
        "PUT /user/:id",
        "PUT /user/{id}/",
        {"method": "PUT", "path": "/user/{id}"},
        Route.put("/user/{id}"),
        ["PUT /user/{id}"],
        ("PUT /user/{id}",),
    ],
)
def test_plain_data_is_equivalent_to_a_route(declaration: object) -> None:
    """A package of actions can declare routes without importing this package."""
    routes = Route.parse(declaration)

    assert routes == (Route.put("/user/{id}"),)


def test_plain_data_may_contain_a_status() -> None:
    """All arguments of `Route` are available in plain data."""
    assert Route.parse({"method": "PUT", "path": "/user", "status": 201}) == (
        Route.put("/user", status=201),
    )


def test_plain_data_may_contain_limits() -> None:
    """Of the body, and of its parsed part."""
    (route,) = Route.parse({"method": "POST", "path": "/", "body_limit_bytes": 5_000_000})

    assert route == Route.post("/", body_limit_bytes=5_000_000)
    assert route.parsed_body_limit_bytes is None


def test_the_last_parameter_may_match_the_rest_of_the_path() -> None:
    """Its name is that of an input."""
    route = Route.get("/files/{name:path}")

    assert route.segments[1] == Segment("name", SegmentKind.TAIL)
    assert route.parameters == ("name",)
    assert route.template == "/files/{name}"
    assert str(route) == "GET /files/{name:path}"


def test_an_action_may_have_several_routes() -> None:
    """A list contains routes and plain data, in order."""
    routes = Route.parse(["GET /user/{id}", Route.get("/people/{id}")])

    assert [str(route) for route in routes] == ["GET /user/{id}", "GET /people/{id}"]


def test_a_path_is_split_into_segments() -> None:
    """Text is decoded, and parameters have names."""
    route = Route.get("/caf%C3%A9/{id}/a%2Fb")

    assert route.segments == (
        Segment("café", SegmentKind.LITERAL),
        Segment("id", SegmentKind.PARAMETER),
        Segment("a/b", SegmentKind.LITERAL),
    )
    assert route.parameters == ("id",)
    assert Route.get("/").segments == ()


@pytest.mark.parametrize(
    ("declaration", "message"),
    [
        (
            "FETCH /user",
            "the method 'FETCH' is not supported; available: GET, HEAD, POST, PUT, PATCH, DELETE",
        ),
        (
            {"method": 3, "path": "/user"},
            "the method 3 is not supported; available: GET, HEAD, POST, PUT, PATCH, DELETE",
        ),
        ("GET user", "the path 'user' does not start with '/'; write '/user/{id}'"),
        ({"method": "GET", "path": 7}, "the path 7 is not text; write '/user/{id}'"),
        ("/user", "the route '/user' is not a method, a space and a path; write 'PUT /user'"),
        (
            "GET /user /x",
            "the route 'GET /user /x' is not a method, a space and a path; write 'PUT /user'",
        ),
        (
            "GET /user/{id",
            "the path '/user/{id' has braces that do not enclose a whole segment; "
            "a parameter is a whole segment: '/{id}/'",
        ),
        (
            "GET /user/{a}{b}",
            "the path '/user/{a}{b}' has braces that do not enclose a whole segment; "
            "a parameter is a whole segment: '/{id}/'",
        ),
        (
            "GET /user/v{id}",
            "the path '/user/v{id}' has braces that do not enclose a whole segment; "
            "a parameter is a whole segment: '/{id}/'",
        ),
        (
            "GET /{id}/part/{id}",
            "the path '/{id}/part/{id}' has two parameters named 'id'; rename one of them",
        ),
        (
            "GET /{user-id}",
            "the path '/{user-id}' has the parameter 'user-id', which cannot be the name "
            "of an input; use letters, digits and '_'",
        ),
        (
            "GET /user/{}",
            "the path '/user/{}' has the parameter '', which cannot be the name "
            "of an input; use letters, digits and '_'",
        ),
        (
            "GET /user/:",
            "the path '/user/{}' has the parameter '', which cannot be the name "
            "of an input; use letters, digits and '_'",
        ),
        (
            "GET /a//b",
            "the path '/a//b' has an empty segment ('//'); remove one slash",
        ),
        (
            "GET /100%",
            "the path '/100%' is not percent-encoded UTF-8: a '%' is not followed by two "
            "hexadecimal digits; write '%' as '%25'",
        ),
        (
            "GET /user?x=1",
            "the path '/user?x=1' contains the invalid character '?'; "
            "remove it, or write it percent-encoded",
        ),
        (
            {"method": "GET", "path": "/a b"},
            "the path '/a b' contains the invalid character ' '; "
            "remove it, or write it percent-encoded",
        ),
        (
            {"method": "GET", "path": "/", "status": 99},
            "the status 99 is invalid; "
            "write a number from 200 to 599, or a function that returns one",
        ),
        (
            {"method": "GET", "path": "/", "status": "200"},
            "the status '200' is invalid; "
            "write a number from 200 to 599, or a function that returns one",
        ),
        (
            {"method": "GET", "path": "/", "status": True},
            "the status True is invalid; "
            "write a number from 200 to 599, or a function that returns one",
        ),
        (
            {"method": "GET", "path": "/", "code": 201},
            "a route has the unknown key 'code'; available: method, path, status, "
            "body_limit_bytes, parsed_body_limit_bytes, cache",
        ),
        ({"method": "GET"}, "the route {'method': 'GET'} has no 'path'; add it"),
        (
            "GET /files/{rest:path}/size",
            "the path '/files/{rest:path}/size' continues after {rest:path}, which matches the "
            "rest of the path; move it to the end",
        ),
        (
            "GET /files/{id:int}",
            "the path '/files/{id:int}' has the parameter '{id:int}', but a parameter has no type "
            "other than 'path'; write '{id}' and annotate the input as int",
        ),
        (
            {"method": "POST", "path": "/", "body_limit_bytes": 0},
            "body_limit_bytes is 0; write a number of bytes, 1 or more",
        ),
        (
            {"method": "POST", "path": "/", "parsed_body_limit_bytes": "1 MB"},
            "parsed_body_limit_bytes is '1 MB'; write a number of bytes, 1 or more",
        ),
        (
            [],
            "the list of routes is empty; write 'PUT /user', Route.put('/user'), "
            "a mapping with method and path, or a list of these",
        ),
        (
            42,
            "a route cannot be of type 'int'; write 'PUT /user', Route.put('/user'), "
            "a mapping with method and path, or a list of these",
        ),
    ],
)
def test_an_invalid_route_is_an_error(declaration: object, message: str) -> None:
    """Each message contains the fault and the remedy."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        Route.parse(declaration)

    assert str(raised.value) == message


def test_the_result_of_a_status_function_can_be_validated() -> None:
    """A function may return any value, so the server validates it."""
    check_status(404)

    with pytest.raises(ValueError, match="the status 1000 is invalid"):
        check_status(1000)


@settings(deadline=None)
@given(st.sampled_from(METHODS), st.text())
def test_arbitrary_paths_are_handled(method: str, text: str) -> None:
    """The result is a route or an error with a message."""
    try:
        route = Route(method, "/" + text)
    except ValueError as error:
        message = str(error)
        assert message
    else:
        assert Route.parse(str(route)) == (route,)


@settings(deadline=None)
@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_arbitrary_data_is_handled(value: object) -> None:
    """The result is a list of routes or an error with a message."""
    try:
        assert Route.parse(value)
    except ValueError as error:
        message = str(error)
        assert message


def test_importing_route_does_not_import_a_server() -> None:
    """Packages of actions stay light on the command line."""
    program = (
        "import sys, actionhero_web.routes.route; "
        "print([name for name in ('aiohttp', 'pydantic', 'asyncio') if name in sys.modules])"
    )

    completed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (completed.stdout, completed.stderr) == ("[]\n", "")


def routed(name: str, web: str, **attributes: Any) -> type[Action]:
    async def run(self: Any) -> None:
        pass

    return type(name, (Action,), {"name": name, "web": web, "run": run, **attributes})


async def test_a_route_that_repeats_the_prefix_is_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The prefix and the version are added to the path of each route."""
    actions = (
        routed("prefixed", "GET /api/x"),
        routed("root", "PUT /api"),
        routed("versioned", "GET /v2/x", version=2),
        routed("usual", "GET /api-keys"),
        routed("other", "GET /v2x", version=2),
    )

    async with running_app(web_plugin, *actions) as app:
        build_application(app.app)

    warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert len(warnings) == 3
    assert "action 'prefixed'" in warnings[0]
    assert warnings[0].endswith(
        "is served at '/api/api/x', because web.prefix adds '/api' to the path; write 'GET /x'"
    )
    assert warnings[1].endswith("write 'PUT /'")
    assert warnings[2].endswith(
        "is served at '/api/v2/v2/x', because version adds '/v2' to the path; write 'GET /x'"
    )
