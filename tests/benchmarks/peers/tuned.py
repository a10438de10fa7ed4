"""The baseline: aiohttp handlers written by hand, as fast as its documented API permits."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import orjson
import uvloop
from aiohttp import web
from pydantic import BaseModel, Field, ValidationError
from tests.benchmarks.peers import work


class NewUser(BaseModel):
    """The inputs of a new user."""

    name: Annotated[str, Field(min_length=3)]
    email: Annotated[str, Field(pattern=work.EMAIL)]
    password: Annotated[str, Field(min_length=8)]


class WhichUser(BaseModel):
    """The requested user, and the form of the response."""

    id: int
    verbose: bool = False


# The essence of `model_validate_json` and `model_validate`.
_new_user_from_json = NewUser.__pydantic_validator__.validate_json
_which_user = WhichUser.__pydantic_validator__.validate_python


def _answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


def _refusal(error: ValidationError) -> web.Response:
    # Without `input`: a password is never sent back.
    details = error.errors(include_url=False, include_context=False, include_input=False)
    return _answer({"error": {"message": "invalid", "details": details}}, status=422)


async def about(request: web.Request) -> web.Response:
    """Handle W1."""
    return _answer(work.about())


async def make_user(request: web.Request) -> web.Response:
    """Handle W2 and W2b."""
    try:
        inputs = _new_user_from_json(await request.read())
    except ValidationError as error:
        return _refusal(error)
    return _answer({"user": work.new_user(inputs.name, inputs.email)})


async def show_user(request: web.Request) -> web.Response:
    """Handle W3."""
    try:
        inputs = _which_user({**request.query, **request.match_info})
    except ValidationError as error:
        return _refusal(error)
    return _answer({"user": work.user(inputs.id), "verbose": inputs.verbose})


async def show_thing(request: web.Request) -> web.Response:
    """Respond to a request that is never made."""
    return _answer({})


def make() -> web.Application:
    """Return the application."""
    application = web.Application()
    router = application.router
    router.add_get("/api/about", about)
    router.add_post("/api/user", make_user)
    for thing in work.BEFORE:
        router.add_get(f"/api/{thing}/{{id}}", show_thing)
    router.add_get("/api/user/{id}", show_user)
    for thing in work.AFTER:
        router.add_get(f"/api/{thing}/{{id}}", show_thing)
    return application


if __name__ == "__main__":
    web.run_app(
        make(),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        loop=uvloop.new_event_loop(),
    )
