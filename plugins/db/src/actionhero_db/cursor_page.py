"""`CursorPage`: pagination by the position of a row, whose cost does not grow with the list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypedDict, TypeVar

from actionhero import ErrorType, Field, Inputs, InvalidInput, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tortoise.expressions import Q
    from tortoise.models import Model
    from tortoise.queryset import QuerySet

    from actionhero_db.cursor import Cursor

    Record = TypeVar("Record", bound=Model)
    Row = TypeVar("Row")

MESSAGE: Final = "Input should be a cursor from 'next' or 'previous' of this list"


class CursorPagination(TypedDict):
    """The neighbours of a page."""

    #: The maximum number of rows on a page.
    limit: int
    #: The cursor of the next page; `None` on the last one.
    next: str | None
    #: The cursor of the previous page; `None` on the first one.
    previous: str | None


class CursorPage(Inputs):
    """Inputs of an action that returns a list of any length; use it directly or as a base class.

    ```python
    async def run(self, inputs: CursorPage) -> MessageList:
        messages, pagination = await inputs.fetch_rows(Message.all().order_by("-id"), MessageRow)
        return {"messages": messages, "pagination": pagination}
    ```

    A page starts after the last row of the one before, and no rows are skipped or counted. So rows
    that are added or deleted meanwhile move no other row to another page, and the last page takes
    as long as the first, if there is an index on the ordered columns. There is no total.

    The rows are ordered by columns of their own table that are never null. If these are not
    unique, the primary key is appended. A cursor contains the values of these columns of one row,
    encoded but not encrypted.
    """

    cursor: str | None = Field(
        default=None,
        description="The position of the page: `next` or `previous` of another page. Without it, "
        "the first page is returned.",
    )
    limit: int = Field(default=10, ge=1, le=100, description="The number of rows on a page.")

    async def fetch_rows(
        self, query: QuerySet[Any], row_type: type[Row]
    ) -> tuple[list[Row], CursorPagination]:
        """Return the rows of this page as instances of `row_type`, and its neighbours.

        Args:
            query: All rows, in their order.
            row_type: A TypedDict, a dataclass, a named tuple or a pydantic model; see
                `fetch_rows` of this package.

        Raises:
            InvalidInput: The cursor is not one of this list.
            TypeError: The fields of `row_type` cannot be read from the query, or its order is not
                one of columns of the table that are never null.
        """
        from actionhero_db.rows import reader_of, select

        reader = reader_of(row_type)
        order = _Order(query)
        cursor = self._parse(order)
        # The values for the cursors, after the columns of the row.
        columns = reader.columns | {f"_order_{name}": name for name in order.names}
        page = order.page(query, cursor)
        records, prepared = await select(page, columns, self.limit + 1)
        records, has_more = self._page_of(records, cursor)
        first = len(reader.columns)
        edges = [list(record)[first:] for record in records[:1] + records[-1:]]
        for position, function in prepared.conversions:
            for edge in edges if position >= first else ():
                edge[position - first] = function(edge[position - first])
        pagination = self._pagination(order, cursor, edges, has_more)
        return reader.read(records, prepared.conversions), pagination

    async def fetch(self, rows: QuerySet[Record]) -> tuple[list[Record], CursorPagination]:
        """Return the rows of this page as instances of their model, and its neighbours.

        Args:
            rows: All rows, in their order.

        Raises:
            InvalidInput: The cursor is not one of this list.
            TypeError: The order is not one of columns of the table that are never null.
        """
        order = _Order(rows)
        cursor = self._parse(order)
        records, has_more = self._page_of(
            await order.page(rows, cursor).limit(self.limit + 1), cursor
        )
        edges = [
            [getattr(record, name) for name in order.names] for record in records[:1] + records[-1:]
        ]
        return records, self._pagination(order, cursor, edges, has_more)

    def _parse(self, order: _Order) -> Cursor | None:
        from actionhero_db.cursor import Cursor, InvalidCursor

        if self.cursor is None:
            return None
        try:
            return Cursor.decode(self.cursor, order.texts, order.fields)
        except InvalidCursor:
            raise InvalidInput(
                MESSAGE,
                type=ErrorType.PARAM_REQUIRED,
                key="cursor",
                value=self.cursor,
                problems=(Problem("/cursor", MESSAGE, "cursor"),),
            ) from None

    def _page_of(self, records: list[Any], cursor: Cursor | None) -> tuple[list[Any], bool]:
        """Return the rows in their order without the additional one, and whether there was one."""
        has_more = len(records) > self.limit
        records = records[: self.limit]
        if cursor is not None and cursor.backward:
            records.reverse()
        return records, has_more

    def _pagination(
        self, order: _Order, cursor: Cursor | None, edges: list[list[Any]], has_more: bool
    ) -> CursorPagination:
        """Return the neighbours of a page.

        Args:
            order: The order of the list.
            cursor: The cursor of this page.
            edges: The ordered values of the first row and of the last; empty without rows.
            has_more: Whether there are more rows in the direction of the cursor.
        """
        from actionhero_db.cursor import Cursor

        backward = cursor is not None and cursor.backward
        # On the side that the cursor came from, there was a row.
        has_next, has_previous = (True, has_more) if backward else (has_more, cursor is not None)
        return {
            "limit": self.limit,
            "next": Cursor(edges[-1]).encode(order.texts) if edges and has_next else None,
            "previous": (
                Cursor(edges[0], backward=True).encode(order.texts)
                if edges and has_previous
                else None
            ),
        }


class _Order:
    """The order of a query, which no two rows share.

    Args:
        query: The query, with or without an order of its own.

    Raises:
        TypeError: It is ordered by a column of another table, an annotation, or a nullable column.
    """

    def __init__(self, query: QuerySet[Any]) -> None:
        meta = query.model._meta
        descending = {
            name: order.value == "DESC" for name, order in query._orderings or meta.ordering
        }
        keys = [name for name, field in meta.fields_map.items() if field.pk]
        if not any(name in meta.fields_map and meta.fields_map[name].unique for name in descending):
            # In the direction of the last column, so that one index serves all of them.
            direction = list(descending.values())[-1] if descending else False
            descending |= {name: direction for name in keys if name not in descending}
        for name in descending:
            if name not in meta.fields_db_projection or meta.fields_map[name].null:
                raise TypeError(
                    f"a CursorPage of {query.model.__name__} cannot be ordered by {name!r}; order "
                    "it by columns of its own table that are never null, or use Page"
                )
        self._descending = descending
        self.names = list(descending)
        self.fields = [meta.fields_map[name] for name in descending]
        #: As the arguments of `order_by`.
        self.texts = self._texts(reverse=False)

    def page(self, query: QuerySet[Record], cursor: Cursor | None) -> QuerySet[Record]:
        """Return the query for the rows from the cursor on, in its direction."""
        if cursor is None:
            return query.order_by(*self.texts)
        page = query.order_by(*self._texts(reverse=cursor.backward))
        return page.filter(self._after(cursor.values, 0, reverse=cursor.backward))

    def _texts(self, *, reverse: bool) -> list[str]:
        items = self._descending.items()
        return [f"-{name}" if descending is not reverse else name for name, descending in items]

    def _after(self, values: Sequence[Any], position: int, *, reverse: bool) -> Q:
        """Return the condition for rows after the one with some values.

        For two columns it is `a >= x AND (a > x OR b > y)`; databases use an index for its first
        part, unlike for `a > x OR (a = x AND b > y)`.
        """
        from tortoise.expressions import Q

        name, value = self.names[position], values[position]
        operator = "lt" if self._descending[name] is not reverse else "gt"
        after = Q(**{f"{name}__{operator}": value})
        if position == len(self.names) - 1:
            return after
        rest = self._after(values, position + 1, reverse=reverse)
        return Q(**{f"{name}__{operator}e": value}) & Q(after, rest, join_type=Q.OR)
