"""Prepared queries: Tortoise builds the SQL of each shape of a query once.

The shape is everything that the SQL depends on; only the values of its parameters vary. Building
the SQL takes longer than running it, for a page of rows several times as long. A query with parts
that are unknown here is built anew each time, which costs time only.

Tortoise has no public name for the parts of a query; `tests/test_rows.py` fails if they change.
"""

from __future__ import annotations

import datetime
import decimal
import operator
import types
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from tortoise.fields import DatetimeField
from tortoise.queryset import AwaitableQuery, QuerySet
from tortoise.timezone import get_default_timezone, get_use_tz

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from tortoise.expressions import Q
    from tortoise.models import Model
    from tortoise.queryset import CountQuery

#: Types whose values always become one parameter.
_PLAIN: Final = frozenset(
    {int, str, float, bool, datetime.datetime, datetime.date, uuid.UUID, decimal.Decimal}
)
#: Operators of filters with one parameter.
_OPERATORS: Final = frozenset({operator.eq, operator.gt, operator.ge, operator.lt, operator.le})
#: The parts of a query that a shape covers, or that do not matter for the columns of a row.
_COVERED: Final = frozenset(
    {"_capabilities", "_db", "_limit", "_offset", "_orderings", "_q_objects", "_select_related",
     "_select_related_idx", "fields", "model", "query"}
)  # fmt: skip
_OTHERS: Final = tuple(
    slot
    for class_ in (QuerySet, AwaitableQuery)
    for slot in class_.__slots__
    if slot not in _COVERED
)
#: The maximum number of prepared queries; the orders and filters of an application are few.
_MAX_PREPARED: Final = 1000

_prepared: dict[Any, Prepared] = {}


@dataclass(frozen=True, slots=True)
class Prepared:
    """The SQL of a query, and the functions that convert its columns."""

    sql: str
    #: The positions of columns that the driver does not convert, with their functions.
    conversions: Sequence[tuple[int, Callable[[Any], Any]]] = ()
    #: Whether the last value of each row is the number of all rows, without the limit.
    has_total: bool = False


def prepare_rows(
    query: QuerySet[Any],
    columns: Mapping[str, str],
    limit: int | None,
    offset: int | None,
    *,
    total: bool = False,
) -> tuple[Prepared, list[Any]]:
    """Return the prepared query for some columns, and its parameters.

    Args:
        query: The rows.
        columns: The names of the columns, with the fields of the model or its relations.
        limit: The maximum number of rows; `None`: all.
        offset: The number of skipped rows.
        total: Whether each row ends with the number of all rows, if the shape is known; see
            `Prepared.has_total`.

    Raises:
        tortoise.exceptions.FieldError: A field does not exist.
    """
    key, values = _shape(query, (*columns.items(), bool(limit), bool(offset), total))
    # Only then it is known to be a query with one total.
    with_total = total and key is not None
    if with_total:
        values *= 2
    values += [number for number in (limit, offset) if number]
    prepared = None if key is None else _prepared.get(key)
    if prepared is None:
        page = query.offset(offset or 0) if offset or query._offset else query
        selection = (page.limit(limit) if limit else page).values(**columns)
        functions = [
            selection.resolve_to_python_value(query.model, field) for field in columns.values()
        ]
        # As in Tortoise, a function that is not a method changes nothing.
        conversions = tuple(
            (position, _conversion(function))
            for position, function in enumerate(functions)
            if not isinstance(function, types.LambdaType)
        )
        return _build(selection, key, values, conversions, query.count() if with_total else None)
    return prepared, values


def _conversion(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function with the result of a method of a field, in less time if there is one."""
    if getattr(function, "__func__", None) is not DatetimeField.to_python_value or not get_use_tz():
        return function
    zone = get_default_timezone()

    def convert(value: Any) -> Any:
        # That of PostgreSQL has a time zone; the method determines that in several steps.
        if type(value) is datetime.datetime and value.tzinfo is not None:
            return value.astimezone(zone)
        return function(value)

    return convert


def prepare_count(query: QuerySet[Any]) -> tuple[Prepared, list[Any]]:
    """Return the prepared query for the number of rows, and its parameters."""
    key, values = _shape(query, ("count",))
    prepared = None if key is None else _prepared.get(key)
    if prepared is None:
        return _build(query.count(), key, values)
    return prepared, values


def _build(
    query: AwaitableQuery[Any],
    key: Any,
    values: list[Any],
    conversions: Sequence[tuple[int, Callable[[Any], Any]]] = (),
    count: CountQuery | None = None,
) -> tuple[Prepared, list[Any]]:
    query._choose_db_if_not_chosen()
    query._make_query()
    if count is not None:
        count._db = query._db
        count._make_query()
        query.query._select_other(count.query.as_("_total"))  # type: ignore[arg-type]
    sql, parameters = query.query.get_parameterized_sql()
    prepared = Prepared(sql, conversions, has_total=count is not None)
    # It can be used again only if the parameters are the values of the shape.
    if key is not None and _types(parameters) == _types(values) and parameters == values:
        if len(_prepared) >= _MAX_PREPARED:
            _prepared.clear()
        _prepared[key] = prepared
    return prepared, parameters


def _types(values: Iterable[Any]) -> list[type]:
    return [type(value) for value in values]


def _shape(query: QuerySet[Any], parts: Sequence[Any]) -> tuple[Any, list[Any]]:
    """Return the shape of a query, `None` if it is unknown, and the values of its filters."""
    values: list[Any] = []
    if type(query) is not QuerySet or any(getattr(query, slot) for slot in _OTHERS):
        return None, values
    filters: list[Any] = []
    for condition in query._q_objects:
        shape = _filter_shape(query.model, condition, values)
        if shape is None:
            return None, values
        filters.append(shape)
    client = query._choose_db()
    dialect = client.capabilities.dialect
    return (query.model, dialect, *parts, *query._orderings, *filters), values


def _filter_shape(model: type[Model], condition: Q, values: list[Any]) -> Any:
    """Return the shape of a condition, and append its values in the order of the parameters."""
    meta = model._meta
    shape: list[Any] = [condition.join_type, condition._is_negated]
    for name, value in condition.filters.items():
        info: Any = meta.filters.get(name)
        # A relation, or a filter that changes its value, such as `icontains`.
        if info is None or info.get("operator") not in _OPERATORS or type(value) not in _PLAIN:
            return None
        if "value_encoder" in info or "table" in info:
            return None
        values.append(meta.fields_map[info["field"]].to_db_value(value, model))
        shape += [name, type(value)]
    for child in condition.children:
        child_shape = _filter_shape(model, child, values)
        if child_shape is None:
            return None
        shape.append(child_shape)
    return tuple(shape)
