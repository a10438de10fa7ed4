"""Actions with inputs and results of every kind."""

from __future__ import annotations

import uuid  # noqa: TC003 - read when the application loads
from collections.abc import AsyncIterator  # noqa: TC003 - read when the application loads
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from aiohttp.web import Response

from actionhero import (
    Action,
    Call,
    Conflict,
    Event,
    Field,
    File,
    Inputs,
    NotFound,
    Secret,
    Stream,
)
from actionhero_openapi import Operation
from actionhero_sessions import RequireSession
from actionhero_web import Route


class Genre(StrEnum):
    """The genre of a book."""

    NOVEL = "novel"
    POEMS = "poems"


class Address(Inputs):
    """A postal address."""

    street: str = Field(max_length=100)
    zip: int | None = None


class Author(Inputs):
    """The author of a book."""

    name: str = Field(min_length=1, examples=["Ada"])
    address: Address | None = None


class BookInputs(Inputs):
    """A book."""

    title: str = Field(min_length=1, max_length=200, description="The title on the cover.")
    authors: list[Author] = Field(default=[], max_length=5)
    genre: Genre = Genre.NOVEL
    pages: int = Field(default=1, ge=1)
    price: float | None = Field(default=None, ge=0, allow_inf_nan=False)
    published: date | None = None
    marks: dict[str, int] = {}
    old: bool = Field(default=False, deprecated=True)


class Book(TypedDict):
    """A book, as a result."""

    id: int
    title: str
    genre: Genre
    authors: NotRequired[list[dict[str, Any]]]


class BookAdd(Action):
    """Add a book.

    It is available immediately.
    """

    name = "book:add"
    web = Route.put("/book", status=201)
    openapi = Operation(
        errors=[Conflict], examples={"a novel": {"title": "Persuasion", "genre": "novel"}}
    )

    async def run(self, inputs: BookInputs) -> Book:
        if inputs.title == "taken":
            raise Conflict("The book exists already")
        return {"id": 1, "title": inputs.title, "genre": inputs.genre}


class BookEditInputs(Inputs):
    """The changes of a book."""

    book: int = Field(ge=1, description="The id of the book.")
    title: str | None = Field(default=None, max_length=200)


class BookEdit(Action):
    """Change a book."""

    name = "book:edit"
    web = Route.post("/book/{book}")
    middleware = [RequireSession()]
    openapi = {"errors": [NotFound]}

    async def run(self, inputs: BookEditInputs) -> Book:
        raise NotFound(f"Book {inputs.book} not found")


class BookView(Action):
    """Show a book."""

    name = "book:view"
    web = [Route.get("/book/{book}"), Route.get("/books/{book}/cover")]

    async def run(self, inputs: BookEditInputs) -> Book | None:
        return None if inputs.book > 10 else {"id": 1, "title": "x", "genre": Genre.POEMS}


class SearchInputs(Inputs):
    """The criteria of a search."""

    text: str
    genre: Genre | None = None
    tags: Annotated[list[str], Field(max_length=3)] = []
    limit: int = Field(default=10, ge=1, le=100)
    since: datetime | None = None
    within: timedelta | None = None
    exact: bool = False
    near: Address | None = Field(default=None, description="JSON.")
    by: Literal["title", "price"] = "title"


class BookSearch(Action):
    """Search books by `text`."""

    name = "book:search"
    web = "GET /books"

    async def run(self, inputs: SearchInputs) -> list[Book]:
        return [{"id": 1, "title": inputs.text, "genre": Genre.NOVEL}]


class BookRemove(Action):
    """Remove a book."""

    name = "book:remove"
    web = Route.delete("/book/{book}", status=204)
    openapi = Operation(deprecated=True, tags=["cellar"], errors=[])

    async def run(self, inputs: BookEditInputs) -> None:
        pass


class CoverInputs(Inputs):
    """The cover of a book."""

    picture: File
    text: str | None = None


class Cover(TypedDict):
    size: int


class BookCover(Action):
    """Upload the cover of a book."""

    name = "book:cover"
    web = Route.post("/cover")

    async def run(self, inputs: CoverInputs) -> Cover:
        return {"size": inputs.picture.size}


class Shelf(TypedDict):
    """A shelf."""

    id: uuid.UUID
    width: NotRequired[int]


class ShelfPut(Action):
    """Create a shelf."""

    name = "shelf:put"
    web = Route.patch("/shelf/{id}")

    async def run(self, inputs: Shelf) -> dict[str, str]:
        return {"id": str(inputs["id"])}


@dataclass
class Point:
    """A place."""

    x: int
    y: int = 0


class ShelfMove(Action):
    """Move a shelf."""

    name = "shelf:move"
    web = Route.post("/shelf")

    async def run(self, inputs: Point) -> Point:
        return inputs


class Anything(Action):
    """Accept any inputs."""

    name = "anything"
    web = Route.post("/anything")

    async def run(self, inputs: dict[str, Any]) -> dict[str, Any]:
        return inputs


class Untyped(Action):
    """Return a value without a type."""

    name = "untyped"
    web = "GET /untyped"

    async def run(self):  # type: ignore[no-untyped-def]
        return {"any": "thing"}


class Check(Action):
    """Check that the server responds."""

    name = "check"
    web = Route.head("/check")

    async def run(self) -> None:
        pass


class Page(Action):
    """Return a text response."""

    name = "page"
    web = "GET /page"

    async def run(self) -> Response:
        return Response(text="hello", content_type="text/plain")


class BookFollow(Action):
    """Stream new books."""

    name = "book:follow"
    web = "GET /books/follow"
    openapi = Operation(errors=[])

    async def run(self, inputs: FollowInputs) -> AsyncIterator[Event[Busy]]:
        for number in range(inputs.count):
            yield Event({"busy": bool(number)}, event="book")


class FollowInputs(Inputs):
    """The number of events."""

    count: int = Field(default=2, ge=1, le=5)


class BookText(Action):
    """Stream the text of a book."""

    name = "book:text"
    web = "GET /books/text"

    async def run(self) -> Stream:
        async def chunks() -> AsyncIterator[str]:
            yield "It is a truth "
            yield "universally acknowledged"

        return Stream(chunks(), "text/plain")


class Hidden(Action):
    """Be reachable without being in the document."""

    name = "hidden"
    web = "GET /hidden"
    openapi = Operation(hidden=True)

    async def run(self) -> None:
        pass


class Chosen(Action):
    """Compute the status from the result."""

    name = "chosen"
    web = Route.get("/chosen", status=lambda value: 202 if value["busy"] else 200)
    openapi = Operation(statuses=[200, 202])

    async def run(self, inputs: ChosenInputs) -> Busy:
        return {"busy": inputs.busy}


class ChosenInputs(Inputs):
    """Whether the result is busy."""

    busy: bool = False


class Busy(TypedDict):
    """A result with its own status."""

    busy: bool


class SignInInputs(Inputs):
    """The user and the password."""

    name: str = Field(min_length=1, max_length=50)
    password: Secret[str] = Field(default="x", max_length=50)


class SignIn(Action):
    """Sign in."""

    name = "session:create"
    web = Route.put("/session")

    async def run(self, inputs: SignInInputs, call: Call) -> SessionView:
        await call.session.regenerate()
        call.session["userId"] = inputs.name
        return {"name": inputs.name}


class WhoAmI(Action):
    """Show the user of the session."""

    name = "session:view"
    web = "GET /session"
    middleware = [RequireSession()]
    openapi = Operation(errors=[])

    async def run(self, call: Call) -> SessionView:
        return {"name": call.session["userId"]}


class SessionView(TypedDict):
    """The user of a session."""

    name: str
