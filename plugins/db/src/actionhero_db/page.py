"""`Page`: pagination inputs for actions that return lists, and `Pagination` for their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from actionhero import Field, Inputs

if TYPE_CHECKING:
    from tortoise.models import Model
    from tortoise.queryset import QuerySet

    Record = TypeVar("Record", bound=Model)
    Row = TypeVar("Row")


#: The largest offset that every database accepts.
MAX_OFFSET: Final = 2**63 - 1


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
        messages, pagination = await inputs.fetch_rows(Message.all().order_by("-id"), MessageRow)
        return {"messages": messages, "pagination": pagination}
    ```

    Every page counts all rows, which takes the longer the more there are: `CursorPage` does not.
    """

    page: int = Field(default=1, ge=1, description="The number of the page, from 1.")
    limit: int = Field(default=10, ge=1, le=100, description="The number of rows on a page.")

    async def fetch_rows(
        self, query: QuerySet[Any], row_type: type[Row]
    ) -> tuple[list[Row], Pagination]:
        """Return the rows of this page as instances of `row_type`, and its position.

        This takes a fraction of the time of `fetch`; see `fetch_rows` of this package.

        Args:
            query: All rows, in a stable order.
            row_type: A TypedDict, a dataclass, a named tuple or a pydantic model.

        Raises:
            TypeError: The fields of `row_type` cannot be read from the query.
        """
        from actionhero_db.rows import reader_of, select

        reader = reader_of(row_type)
        offset = (self.page - 1) * self.limit
        is_limited = query._limit is not None or query._offset is not None
        if is_limited or offset > MAX_OFFSET:
            total = await self._count(query)
            if offset >= total:
                return [], self._pagination(total)
        # The total of a simple query comes with its rows, in one statement.
        records, prepared = await select(
            query, reader.columns, self.limit, offset, total=not is_limited
        )
        if not is_limited:
            has_total = prepared.has_total and records
            total = records[0][-1] if has_total else await self._count(query)
        return reader.read(records, prepared.conversions), self._pagination(total)

    async def fetch(self, rows: QuerySet[Record]) -> tuple[list[Record], Pagination]:
        """Return the rows of this page as instances of their model, and its position.

        Args:
            rows: All rows, in a stable order.
        """
        total = await self._count(rows)
        offset = (self.page - 1) * self.limit
        page_rows = await rows.offset(offset).limit(self.limit) if offset < total else []
        return page_rows, self._pagination(total)

    async def _count(self, query: QuerySet[Any]) -> int:
        from actionhero_db.rows import count_rows

        if query._limit is not None or query._offset is not None:
            return await query.count()
        return await count_rows(query)

    def _pagination(self, total: int) -> Pagination:
        return {
            "page": self.page,
            "limit": self.limit,
            "total": total,
            "pages": -(-total // self.limit),
        }
