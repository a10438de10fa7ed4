"""`Page`: which part of a long list a caller wants, and how it is told what there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, TypeVar

from actionhero import Field, Inputs

if TYPE_CHECKING:
    from tortoise.models import Model
    from tortoise.queryset import QuerySet

    Row = TypeVar("Row", bound=Model)


class Pagination(TypedDict):
    """What there is, beside the rows of one page."""

    page: int
    #: Rows on a page, at most.
    limit: int
    #: Rows on all pages.
    total: int
    #: How many pages there are; 0 if there are no rows.
    pages: int


class Page(Inputs):
    """Inputs of an action that answers a list: subclass it, or take it as it is.

    ```python
    async def run(self, inputs: Page) -> MessageList:
        messages, pagination = await inputs.fetch(Message.all().order_by("-id"))
        return {"messages": [view(message) for message in messages], "pagination": pagination}
    ```
    """

    page: int = Field(default=1, ge=1, description="Which page, from 1.")
    limit: int = Field(default=10, ge=1, le=100, description="How many rows a page has.")

    async def fetch(self, rows: QuerySet[Row]) -> tuple[list[Row], Pagination]:
        """Return the rows of this page, and what there is.

        Args:
            rows: All rows, in an order that is the same each time.
        """
        total = await rows.count()
        offset = (self.page - 1) * self.limit
        # Beyond the end nothing need be asked, and no number is too large for the database.
        found = await rows.offset(offset).limit(self.limit) if offset < total else []
        return found, {
            "page": self.page,
            "limit": self.limit,
            "total": total,
            "pages": -(-total // self.limit),
        }
