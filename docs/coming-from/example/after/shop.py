"""The book shop with ActionHero."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated, Any

from aiohttp import web
from catalog import Book, Catalog
from pydantic import BaseModel

from actionhero import (
    Action,
    Call,
    Conflict,
    Cookie,
    Field,
    File,
    Header,
    Inputs,
    InvalidInput,
    NotFound,
    Scope,
    Secret,
    SignedIn,
    SignInRequired,
    Stream,
    hookimpl,
)
from actionhero_tasks import Task, Tasks
from actionhero_web import Route, Routes
from actionhero_websocket import Endpoint, EndpointSocket

PARTNER_KEY = os.environ["SHOP_PARTNER_KEY"]

catalog = Catalog()


class BookInputs(Inputs):
    title: str = Field(min_length=1, max_length=200)
    price: float = Field(gt=0)
    stock: int = Field(default=0, ge=0)


class BookChange(Inputs):
    price: float | None = Field(default=None, gt=0)
    stock: int | None = Field(default=None, ge=0)


class BookOut(BaseModel):
    id: int
    title: str
    price: float
    stock: int


class OrderOut(BaseModel):
    id: int
    book: int
    pieces: int
    state: str


class Me(BaseModel):
    user: str
    language: str
    theme: str


def find_book(book: int) -> Book:
    if book not in catalog.books:
        raise NotFound("Book not found")
    return catalog.books[book]


staff = Routes(prefix="/books", requires=Scope("books:write"))


class ListBooks(Action):
    """List the books."""

    name = "books:list"
    web = "GET /books"

    async def run(
        self, text: str = "", limit: Annotated[int, Field(ge=1, le=100)] = 20, *, call: Call
    ) -> list[BookOut]:
        call.connection.add_response_header("X-Total", str(len(catalog.books)))
        return catalog.search(text, limit)


class CreateBook(Action):
    """Add a book."""

    name = "book:create"
    web = staff.post("/", status=201)

    async def run(self, inputs: BookInputs) -> BookOut:
        return catalog.add(inputs.title, inputs.price, inputs.stock)


class ShowBook(Action):
    """Show a book."""

    name = "book:show"
    web = "GET /books/{book}"

    async def run(self, book: int) -> BookOut:
        return find_book(book)


class ChangeBook(Action):
    """Change the price or the stock."""

    name = "book:change"
    web = staff.patch("/{book}")

    async def run(self, book: int, inputs: BookChange) -> BookOut:
        found = find_book(book)
        for name, value in inputs.model_dump(exclude_none=True, exclude={"book"}).items():
            setattr(found, name, value)
        return found


class RemoveBook(Action):
    """Remove a book."""

    name = "book:remove"
    web = staff.delete("/{book}", status=204)

    async def run(self, book: int) -> None:
        del catalog.books[find_book(book).id]


class StoreCover(Action):
    """Store the picture of a book."""

    name = "cover:store"
    web = staff.put("/{book}/cover", status=204)

    async def run(self, book: int, cover: File) -> None:
        if cover.content_type != "image/png":
            raise InvalidInput("Not a PNG", key="cover")
        catalog.covers[find_book(book).id] = await cover.read()


class ShowCover(Action):
    """Show the picture of a book."""

    name = "cover:show"
    web = "GET /books/{book}/cover"

    async def run(self, book: int) -> web.Response:
        if find_book(book).id not in catalog.covers:
            raise NotFound("No cover")
        return web.Response(body=catalog.covers[book], content_type="image/png")


class ExportBooks(Action):
    """Export all books as CSV."""

    name = "books:export"
    web = "GET /export"

    async def run(
        self, key: Annotated[Secret[str], Header("X-Partner-Key")] = "", *, call: Call
    ) -> Stream:
        if key != PARTNER_KEY:
            raise SignInRequired("Invalid key")
        call.connection.add_response_header("Content-Disposition", "attachment; filename=books.csv")

        async def rows() -> AsyncIterator[str]:
            for book in catalog.books.values():
                yield f"{book.id},{book.title},{book.price}\n"

        return Stream(rows(), "text/csv")


class CreateOrder(Action):
    """Order a book."""

    name = "order:create"
    web = Route.post("/orders", status=202)
    requires = SignedIn()

    async def run(
        self, book: int, pieces: Annotated[int, Field(ge=1, le=100)] = 1, *, call: Call
    ) -> OrderOut:
        found = find_book(book)
        if found.stock < pieces:
            raise Conflict("Not enough in stock")
        order = catalog.order(call.principal.id, found, pieces)
        await call.get(Tasks).enqueue(Confirm, {"order": order.id})
        await feed.broadcast({"order": order.id, "book": found.title})
        return order


class ShowOrder(Action):
    """Show an order of the signed-in user."""

    name = "order:show"
    web = "GET /orders/{order}"
    requires = SignedIn()

    async def run(self, order: int, call: Call) -> OrderOut:
        found = catalog.orders.get(order)
        if found is None or found.user != call.principal.id:
            raise NotFound("Order not found")
        return found


class ShowMe(Action):
    """Show who is signed in."""

    name = "me"
    web = "GET /me"
    requires = SignedIn()

    async def run(
        self,
        accept_language: Annotated[str, Header()] = "en",
        theme: Annotated[str, Cookie()] = "light",
        *,
        call: Call,
    ) -> Me:
        return Me(user=call.principal.id, language=accept_language, theme=theme)


class Health(Action):
    """Show that the server works."""

    name = "health"
    web = "GET /health"

    async def run(self) -> dict[str, str]:
        return {"status": "ok"}


class Feed:
    def __init__(self) -> None:
        self._open: set[EndpointSocket] = set()

    async def serve(self, socket: EndpointSocket) -> None:
        """Send new orders, and the number of books when asked."""
        self._open.add(socket)
        try:
            async for _ in socket:
                await socket.send(json.dumps({"books": len(catalog.books)}))
        finally:
            self._open.remove(socket)

    async def broadcast(self, message: dict[str, Any]) -> None:
        for socket in list(self._open):
            await socket.send(json.dumps(message))


feed = Feed()


@hookimpl
def actionhero_websocket_endpoints() -> list[Endpoint]:
    return [Endpoint("/feed", feed.serve)]


class Confirm(Action):
    """Confirm an order by mail."""

    name = "order:confirm"
    task = Task(retries=5)

    async def run(self, order: int, call: Call) -> None:
        found = catalog.orders[order]
        catalog.mails.append(f"{found.user}: order {found.id}")
        found.state = "confirmed"
        await call.get(Tasks).enqueue(Pack, {"order": order}, delay=timedelta(seconds=60))


class Pack(Action):
    """Pack an order."""

    name = "order:pack"
    task = Task(queue="warehouse", retries=5)

    async def run(self, order: int) -> None:
        catalog.orders[order].state = "packed"


class Report(Action):
    """Sum up the stock, every night."""

    name = "report"
    task = Task(cron="0 3 * * *")

    async def run(self) -> None:
        catalog.reports.append(sum(book.price * book.stock for book in catalog.books.values()))
