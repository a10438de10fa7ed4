"""`Page`: pagination inputs for actions that return lists, and `Pagination` for their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict, TypeVar

from actionhero import Field, Inputs

if TYPE_CHECKING:
    from tortoise.models import Model
    from tortoise.queryset import QuerySet

    Row = TypeVar("Row", bound=Model)


class Pagination(TypedDict):
    """The position of a page in the whole list."""

    page: int
    #: The maximum number of rows on a page.
    limit: int
    #: The number of rows on all pages.
    total: int
    #: The number of pages; 0 if there are no rows.
    pages: int


class Page(Inputs):
    """Inputs of an action that returns a list; use it directly or as a base class.

    ```python
    async def run(self, inputs: Page) -> MessageList:
        messages, pagination = await inputs.fetch(Message.all().order_by("-id"))
        return {"messages": [view(message) for message in messages], "pagination": pagination}
    ```
    """

    page: int = Field(default=1, ge=1, description="The number of the page, from 1.")
    limit: int = Field(default=10, ge=1, le=100, description="The number of rows on a page.")

    async def fetch(self, rows: QuerySet[Row]) -> tuple[list[Row], Pagination]:
        """Return the rows of this page, and its position.

        Args:
            rows: All rows, in a stable order.
        """
        total = await rows.count()
        offset = (self.page - 1) * self.limit
        # No query beyond the end, so no offset is too large for the database.
        page_rows = await rows.offset(offset).limit(self.limit) if offset < total else []
        return page_rows, {
            "page": self.page,
            "limit": self.limit,
            "total": total,
            "pages": -(-total // self.limit),
        }
