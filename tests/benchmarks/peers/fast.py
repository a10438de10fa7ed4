"""The same on FastAPI, written as its manual shows."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from tests.benchmarks.peers import work


class NewUser(BaseModel):
    """The inputs of a new user."""

    name: Annotated[str, Field(min_length=3)]
    email: Annotated[str, Field(pattern=work.EMAIL)]
    password: Annotated[str, Field(min_length=8)]


class User(BaseModel):
    """A user in a response."""

    id: int
    name: str
    email: str


class Made(BaseModel):
    """The user that was made."""

    user: User


class Shown(BaseModel):
    """The requested user."""

    user: User
    verbose: bool


app = FastAPI()


@app.exception_handler(RequestValidationError)
async def refuse(request: Request, error: RequestValidationError) -> JSONResponse:
    """Return the errors without the inputs: FastAPI's own response would repeat the password."""
    details = [{key: detail[key] for key in ("type", "loc", "msg")} for detail in error.errors()]
    return JSONResponse({"error": {"message": "invalid", "details": details}}, status_code=422)


@app.get("/api/about")
async def about() -> dict[str, object]:
    """Handle W1."""
    return {**work.about()}


@app.post("/api/user")
async def make_user(inputs: NewUser) -> Made:
    """Handle W2 and W2b."""
    return Made(user=User(**work.new_user(inputs.name, inputs.email)))


def _add_thing(thing: str) -> None:
    async def show_thing(id: int) -> dict[str, Any]:
        return {}

    app.get(f"/api/{thing}/{{id}}")(show_thing)


for _thing in work.BEFORE:
    _add_thing(_thing)


@app.get("/api/user/{id}")
async def show_user(id: int, verbose: bool = False) -> Shown:
    """Handle W3."""
    return Shown(user=User(**work.user(id)), verbose=verbose)


for _thing in work.AFTER:
    _add_thing(_thing)
