"""`fetch_rows`: reads the rows of a query into a TypedDict, a dataclass or a model.

Rows are read without instances of the model, and the SQL is built once for each shape of a query.
"""

from __future__ import annotations

import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from tortoise.exceptions import FieldError

from actionhero_db.prepared_query import Prepared, prepare_count, prepare_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tortoise.queryset import QuerySet

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column:
    """The source of a field of a row: `Annotated[int, Column("created_at", to_milliseconds)]`.

    Args:
        field: The field of the model, or of a relation, as in `user__name`.
        convert: A function that converts each value of the column, except `None`.
    """

    field: str
    convert: Callable[[Any], Any] | None = None


async def fetch_rows(query: QuerySet[Any], row_type: type[Row]) -> list[Row]:
    """Return the rows of a query as instances of `row_type`.

    ```python
    class MessageRow(TypedDict):
        id: int
        body: str
        author: Annotated[str, Column("user__name")]


    rows = await fetch_rows(Message.filter(room_id=room_id).order_by("-id"), MessageRow)
    ```

    Only the columns of `row_type` are selected; related tables are joined. A TypedDict is not
    validated, as the values come from columns with types.

    Args:
        query: The rows. `select_related` has no effect.
        row_type: A TypedDict, a dataclass, a named tuple or a pydantic model. Each of its fields
            is read from the field of the model with the same name, or from that of its `Column`.

    Raises:
        TypeError: `row_type` has no fields, or its fields cannot be read from the query.
    """
    reader = reader_of(row_type)
    records, prepared = await select(query, reader.columns, query._limit, query._offset)
    return reader.read(records, prepared.conversions)


async def count_rows(query: QuerySet[Any]) -> int:
    """Return the number of rows of a query without a limit."""
    prepared, parameters = prepare_count(query)
    records: Any
    _, records = await query._choose_db().execute_query(prepared.sql, parameters)
    # A query with groups has the same number in each of its rows.
    return int(next(iter(_values(records[0])))) if records else 0


async def select(
    query: QuerySet[Any],
    columns: Mapping[str, str],
    limit: int | None,
    offset: int | None = None,
    *,
    total: bool = False,
) -> tuple[list[Any], Prepared]:
    """Return the values of some columns, a sequence for each row, and the prepared query.

    Args:
        query: The rows.
        columns: The names of the columns, with the fields of the model.
        limit: The maximum number of rows; `None`: all.
        offset: The number of skipped rows.
        total: Whether to add the number of all rows, if the prepared query `has_total`.

    Raises:
        TypeError: The columns cannot be read from the query.
    """
    if query._select_for_update or query._prefetch_map or query._prefetch_queries:
        raise TypeError(
            "rows cannot be locked or have prefetched relations; remove select_for_update and "
            "prefetch_related from the query, or fetch its models"
        )
    if limit == 0:
        # To Tortoise, zero is no limit.
        return [], Prepared("")
    try:
        prepared, parameters = prepare_rows(query, columns, limit, offset, total=total)
    except (FieldError, ValueError) as error:
        names = ", ".join(map(repr, columns.values()))
        raise TypeError(
            f"the fields {names} cannot be read from {query.model.__name__}: {error}; correct "
            "their names, or annotate them with a Column"
        ) from error
    records: Any
    _, records = await query._choose_db().execute_query(prepared.sql, parameters)
    if records and isinstance(records[0], dict):
        records = [tuple(record.values()) for record in records]
    return list(records), prepared


class RowReader(Generic[Row]):
    """Converts records into rows of one type.

    Args:
        row_type: The type of the rows.
    """

    def __init__(self, row_type: type[Row]) -> None:
        hints = _hints_of(row_type)
        sources = {name: _column_of(name, hint) for name, hint in hints.items()}
        #: The names of the fields, with the fields of the model.
        self.columns = {name: column.field for name, column in sources.items()}
        self._names = tuple(sources)
        self._converters = [
            (name, column.convert) for name, column in sources.items() if column.convert
        ]
        self._row_type: Callable[..., Row] | None = (
            None if typing.is_typeddict(row_type) else row_type
        )

    def read(
        self, records: Iterable[Any], conversions: Iterable[tuple[int, Callable[[Any], Any]]] = ()
    ) -> list[Row]:
        """Return the rows of some records, whose values are in the order of `columns`.

        Args:
            records: The values of each row; additional ones at the end are ignored.
            conversions: Functions to convert values, by position, before those of the type.
        """
        names = self._names
        # A record may end before the names do only if the query is not that of `columns`.
        rows: list[Any] = [dict(zip(names, record, strict=False)) for record in records]
        for position, function in conversions:
            if position < len(names):
                name = names[position]
                for row in rows:
                    row[name] = function(row[name])
        for name, convert in self._converters:
            for row in rows:
                if (value := row[name]) is not None:
                    row[name] = convert(value)
        row_type = self._row_type
        return rows if row_type is None else [row_type(**row) for row in rows]


def reader_of(row_type: type[Row]) -> RowReader[Row]:
    """Return the reader of a type of rows.

    Raises:
        TypeError: The type has no fields, or their annotations cannot be evaluated.
    """
    reader = _readers.get(row_type)
    if reader is None:
        reader = _readers[row_type] = RowReader(row_type)
    return reader


#: The readers of types that exist.
_readers: WeakKeyDictionary[Any, RowReader[Any]] = WeakKeyDictionary()


def _values(record: Any) -> Iterable[Any]:
    return record.values() if isinstance(record, dict) else record


def _hints_of(row_type: type[Any]) -> dict[str, Any]:
    try:
        hints = typing.get_type_hints(row_type, include_extras=True)
    except NameError as error:
        raise TypeError(
            f"the annotations of {row_type.__qualname__} cannot be evaluated: {error}; import "
            "their names outside of TYPE_CHECKING, and define the type at the top of its module"
        ) from error
    if hasattr(row_type, "model_fields"):
        # The private attributes and class variables of a pydantic model are annotated too.
        hints = {name: hints[name] for name in row_type.model_fields}
    hints = {name: hint for name, hint in hints.items() if not _is_class_variable(hint)}
    if not hints:
        raise TypeError(
            f"{row_type.__qualname__} has no annotated fields; use a TypedDict, a dataclass, a "
            "named tuple or a pydantic model"
        )
    return hints


def _is_class_variable(hint: Any) -> bool:
    return typing.get_origin(hint) is typing.ClassVar


def _column_of(name: str, hint: Any) -> Column:
    while typing.get_origin(hint) in {typing.Annotated, typing.Required, typing.NotRequired}:
        for each in getattr(hint, "__metadata__", ()):
            if isinstance(each, Column):
                return each
        hint = typing.get_args(hint)[0]
    return Column(name)
