"""The book shop with FastAPI and Celery."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated

import jwt
from catalog import Book, Catalog, Order
from celery import Celery
from celery.schedules import crontab
from fastapi import (
    Cookie,
    Depends,
    FastAPI,
    File,
    Header,
    HTTPException,
    Query,
    Response,
    UploadFile,
    WebSocket,
    WebSocketDisconnect,
)
from fastapi.responses import StreamingResponse
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, Field

SECRET = os.environ["SHOP_SECRET"]
PARTNER_KEY = os.environ["SHOP_PARTNER_KEY"]

app = FastAPI(title="Book shop")
catalog = Catalog()
celery = Celery("shop", broker=os.environ.get("CELERY_BROKER", "memory://"))
celery.conf.beat_schedule = {
    "report": {"task": "shop.report", "schedule": crontab(hour=3, minute=0)},
}


class BookBody(BaseModel):
    title: str = Field(min_length=1, max_length=200)
    price: float = Field(gt=0)
    stock: int = Field(default=0, ge=0)


class BookChange(BaseModel):
    price: float | None = Field(default=None, gt=0)
    stock: int | None = Field(default=None, ge=0)


class BookOut(BaseModel):
    id: int
    title: str
    price: float
    stock: int


class OrderBody(BaseModel):
    book: int
    pieces: int = Field(default=1, ge=1, le=100)


class OrderOut(BaseModel):
    id: int
    book: int
    pieces: int
    state: str


class Me(BaseModel):
    user: str
    language: str
    theme: str


class Claims(BaseModel):
    sub: str
    scope: str = ""


bearer = HTTPBearer()
partner = APIKeyHeader(name="X-Partner-Key")


def signed_in(credentials: Annotated[HTTPAuthorizationCredentials, Depends(bearer)]) -> Claims:
    try:
        claims = jwt.decode(
            credentials.credentials, SECRET, algorithms=["HS256"], audience="shop", issuer="shop"
        )
    except jwt.InvalidTokenError:
        raise HTTPException(401, "Invalid token", {"WWW-Authenticate": "Bearer"}) from None
    return Claims(**claims)


def staff(claims: Annotated[Claims, Depends(signed_in)]) -> Claims:
    if "books:write" not in claims.scope.split():
        raise HTTPException(403, "Not allowed")
    return claims


def partners_only(key: Annotated[str, Depends(partner)]) -> None:
    if key != PARTNER_KEY:
        raise HTTPException(401, "Invalid key")


User = Annotated[Claims, Depends(signed_in)]


def find_book(book: int) -> Book:
    if book not in catalog.books:
        raise HTTPException(404, "Book not found")
    return catalog.books[book]


FoundBook = Annotated[Book, Depends(find_book)]


@app.get("/books", response_model=list[BookOut])
async def list_books(
    response: Response,
    text: str = "",
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> list[Book]:
    """List the books."""
    response.headers["X-Total"] = str(len(catalog.books))
    return catalog.search(text, limit)


@app.post("/books", status_code=201, response_model=BookOut, dependencies=[Depends(staff)])
async def create_book(body: BookBody) -> Book:
    """Add a book."""
    return catalog.add(body.title, body.price, body.stock)


@app.get("/books/{book}", response_model=BookOut)
async def show_book(found: FoundBook) -> Book:
    """Show a book."""
    return found


@app.patch("/books/{book}", response_model=BookOut, dependencies=[Depends(staff)])
async def change_book(found: FoundBook, body: BookChange) -> Book:
    """Change the price or the stock."""
    for name, value in body.model_dump(exclude_none=True).items():
        setattr(found, name, value)
    return found


@app.delete("/books/{book}", status_code=204, dependencies=[Depends(staff)])
async def remove_book(found: FoundBook) -> None:
    """Remove a book."""
    del catalog.books[found.id]


@app.put("/books/{book}/cover", status_code=204, dependencies=[Depends(staff)])
async def store_cover(found: FoundBook, cover: Annotated[UploadFile, File()]) -> None:
    """Store the picture of a book."""
    if cover.content_type != "image/png":
        raise HTTPException(422, "Not a PNG")
    catalog.covers[found.id] = await cover.read()


@app.get("/books/{book}/cover")
async def show_cover(found: FoundBook) -> Response:
    """Show the picture of a book."""
    if found.id not in catalog.covers:
        raise HTTPException(404, "No cover")
    return Response(catalog.covers[found.id], media_type="image/png")


@app.get("/export", dependencies=[Depends(partners_only)])
async def export_books() -> StreamingResponse:
    """Export all books as CSV."""

    def rows() -> Iterator[str]:
        for book in catalog.books.values():
            yield f"{book.id},{book.title},{book.price}\n"

    headers = {"Content-Disposition": "attachment; filename=books.csv"}
    return StreamingResponse(rows(), media_type="text/csv", headers=headers)


@app.post("/orders", status_code=202, response_model=OrderOut)
async def create_order(body: OrderBody, user: User) -> Order:
    """Order a book."""
    book = find_book(body.book)
    if book.stock < body.pieces:
        raise HTTPException(409, "Not enough in stock")
    order = catalog.order(user.sub, book, body.pieces)
    confirm.delay(order.id)
    await sockets.broadcast({"order": order.id, "book": book.title})
    return order


@app.get("/orders/{order}", response_model=OrderOut)
async def show_order(order: int, user: User) -> Order:
    """Show an order of the signed-in user."""
    found = catalog.orders.get(order)
    if found is None or found.user != user.sub:
        raise HTTPException(404, "Order not found")
    return found


@app.get("/me")
async def show_me(
    user: User,
    accept_language: Annotated[str, Header()] = "en",
    theme: Annotated[str, Cookie()] = "light",
) -> Me:
    """Show who is signed in."""
    return Me(user=user.sub, language=accept_language, theme=theme)


@app.get("/health")
async def health() -> dict[str, str]:
    """Show that the server works."""
    return {"status": "ok"}


class Sockets:
    def __init__(self) -> None:
        self._open: list[WebSocket] = []

    async def serve(self, socket: WebSocket) -> None:
        await socket.accept()
        self._open.append(socket)
        try:
            while True:
                await socket.receive_json()
                await socket.send_json({"books": len(catalog.books)})
        except WebSocketDisconnect:
            self._open.remove(socket)

    async def broadcast(self, message: dict[str, object]) -> None:
        for socket in list(self._open):
            await socket.send_json(message)


sockets = Sockets()


@app.websocket("/feed")
async def feed(socket: WebSocket) -> None:
    """Send new orders, and the number of books when asked."""
    await sockets.serve(socket)


@celery.task(name="shop.confirm", autoretry_for=(OSError,), retry_backoff=True, max_retries=5)
def confirm(order: int) -> None:
    """Confirm an order by mail."""
    found = catalog.orders[order]
    catalog.mails.append(f"{found.user}: order {found.id}")
    found.state = "confirmed"
    pack.apply_async((order,), countdown=60)


@celery.task(name="shop.pack", queue="warehouse", max_retries=5)
def pack(order: int) -> None:
    """Pack an order."""
    catalog.orders[order].state = "packed"


@celery.task(name="shop.report")
def report() -> None:
    """Sum up the stock, every night."""
    catalog.reports.append(sum(book.price * book.stock for book in catalog.books.values()))
