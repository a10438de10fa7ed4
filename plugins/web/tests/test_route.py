"""How authors write where an action can be reached."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actionhero_web.route import METHODS, Route, Segment, check_status


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
def test_there_is_a_way_to_write_each_method(route: Route, method: str) -> None:
    """`Route.put("/user")` reads as what it does."""
    assert (route.method, route.path, route.status) == (method, "/x", 200)


def test_a_route_may_choose_the_status_of_a_success() -> None:
    """A number, or a function of the value that is answered."""
    created = Route.put("/user", status=201)
    by_value = Route.get("/status", status=lambda value: 200 if value else 503)

    assert created.status == 201
    assert callable(by_value.status)
    assert by_value.status(None) == 503


@pytest.mark.parametrize(
    "written",
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
def test_plain_data_means_the_same_as_a_route(written: object) -> None:
    """A package of actions need not import a server to say where they are reached."""
    routes = Route.parse(written)

    assert routes == (Route.put("/user/{id}"),)


def test_plain_data_may_carry_a_status() -> None:
    """Everything that a `Route` can say can be said in data."""
    assert Route.parse({"method": "PUT", "path": "/user", "status": 201}) == (
        Route.put("/user", status=201),
    )


def test_an_action_may_have_several_routes() -> None:
    """A list holds routes of either kind, in order."""
    routes = Route.parse(["GET /user/{id}", Route.get("/people/{id}")])

    assert [str(route) for route in routes] == ["GET /user/{id}", "GET /people/{id}"]


def test_a_path_is_told_by_its_segments() -> None:
    """Texts are decoded, parameters are named."""
    route = Route.get("/caf%C3%A9/{id}/a%2Fb")

    assert route.segments == (Segment("café", False), Segment("id", True), Segment("a/b", False))
    assert route.parameters == ("id",)
    assert Route.get("/").segments == ()


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            "FETCH /user",
            "the method 'FETCH' cannot have a route; "
            "there are: GET, HEAD, POST, PUT, PATCH, DELETE",
        ),
        (
            {"method": 3, "path": "/user"},
            "the method 3 cannot have a route; there are: GET, HEAD, POST, PUT, PATCH, DELETE",
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
            "a parameter is written '/{id}/', and takes all between two slashes",
        ),
        (
            "GET /user/{a}{b}",
            "the path '/user/{a}{b}' has braces that do not enclose a whole segment; "
            "a parameter is written '/{id}/', and takes all between two slashes",
        ),
        (
            "GET /user/v{id}",
            "the path '/user/v{id}' has braces that do not enclose a whole segment; "
            "a parameter is written '/{id}/', and takes all between two slashes",
        ),
        (
            "GET /{id}/part/{id}",
            "the path '/{id}/part/{id}' has two parameters called 'id'; rename one of them",
        ),
        (
            "GET /{user-id}",
            "the path '/{user-id}' has a parameter called 'user-id', which cannot be the name "
            "of an input; use letters, digits and '_'",
        ),
        (
            "GET /user/{}",
            "the path '/user/{}' has a parameter called '', which cannot be the name "
            "of an input; use letters, digits and '_'",
        ),
        (
            "GET /user/:",
            "the path '/user/{}' has a parameter called '', which cannot be the name "
            "of an input; use letters, digits and '_'",
        ),
        (
            "GET /a//b",
            "the path '/a//b' has an empty segment ('//'); remove one slash",
        ),
        (
            "GET /100%",
            "the path '/100%' is not percent-encoded UTF-8: there is a '%' without two "
            "hexadecimal digits after it; write '%' as '%25'",
        ),
        (
            "GET /user?x=1",
            "the path '/user?x=1' holds '?', which no path can; "
            "remove it, or write it percent-encoded",
        ),
        (
            {"method": "GET", "path": "/a b"},
            "the path '/a b' holds ' ', which no path can; remove it, or write it percent-encoded",
        ),
        (
            {"method": "GET", "path": "/", "status": 99},
            "the status 99 cannot be answered; "
            "write a number from 200 to 599, or a function that returns one",
        ),
        (
            {"method": "GET", "path": "/", "status": "200"},
            "the status '200' cannot be answered; "
            "write a number from 200 to 599, or a function that returns one",
        ),
        (
            {"method": "GET", "path": "/", "status": True},
            "the status True cannot be answered; "
            "write a number from 200 to 599, or a function that returns one",
        ),
        (
            {"method": "GET", "path": "/", "code": 201},
            "a route has no 'code'; there are: method, path, status. Remove it",
        ),
        ({"method": "GET"}, "the route {'method': 'GET'} has no 'path'; add it"),
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
def test_what_is_wrong_with_a_route_is_said(written: object, message: str) -> None:
    """Each mistake has its own words, and tells the way out."""
    with pytest.raises(ValueError) as raised:  # noqa: PT011
        Route.parse(written)

    assert str(raised.value) == message


def test_the_status_that_a_function_chose_can_be_checked() -> None:
    """A function may return anything, so the server looks at it again."""
    check_status(404)

    with pytest.raises(ValueError, match="the status 1000 cannot be answered"):
        check_status(1000)


@settings(deadline=None)
@given(st.sampled_from(METHODS), st.text())
def test_no_text_at_all_breaks_the_reading_of_a_path(method: str, text: str) -> None:
    """Whatever stands there is a route, or is refused in words."""
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
def test_no_data_at_all_breaks_the_reading_of_a_route(value: object) -> None:
    """Settings files hold strange things."""
    try:
        assert Route.parse(value)
    except ValueError as error:
        message = str(error)
        assert message


def test_declaring_a_route_loads_no_server() -> None:
    """A package that says where its actions are reached costs nothing on the command line."""
    program = (
        "import sys, actionhero_web.route; "
        "print([name for name in ('aiohttp', 'pydantic', 'asyncio') if name in sys.modules])"
    )

    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (ran.stdout, ran.stderr) == ("[]\n", "")
