"""The rules and data of the book shop, the same for both applications."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count


@dataclass
class Book:
    """A book on sale."""

    id: int
    title: str
    price: float
    stock: int
    #: What the shop pays, which customers do not see.
    cost: float = 0.0


@dataclass
class Order:
    """An order of a customer."""

    id: int
    user: str
    book: int
    pieces: int
    state: str = "new"


@dataclass
class Catalog:
    """All data, in memory."""

    books: dict[int, Book] = field(default_factory=dict)
    orders: dict[int, Order] = field(default_factory=dict)
    covers: dict[int, bytes] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    reports: list[float] = field(default_factory=list)
    _ids: count = field(default_factory=lambda: count(1))

    def add(self, title: str, price: float, stock: int) -> Book:
        """Add a book."""
        book = Book(next(self._ids), title, price, stock, cost=price / 2)
        self.books[book.id] = book
        return book

    def search(self, text: str, limit: int) -> list[Book]:
        """Return the books whose title contains a text."""
        return [book for book in self.books.values() if text in book.title.lower()][:limit]

    def order(self, user: str, book: Book, pieces: int) -> Order:
        """Take pieces out of the stock."""
        book.stock -= pieces
        order = Order(next(self._ids), user, book.id, pieces)
        self.orders[order.id] = order
        return order
