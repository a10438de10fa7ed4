"""Filters on parts of dates, such as `at__year=2026`, for databases without PostgreSQL's EXTRACT.

Their results are those of PostgreSQL: weeks are those of ISO 8601, and seconds and microseconds
include the fraction. SQLite has no time zone of a session; its values are taken as UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pypika_tortoise.terms import Criterion, Function, Term
from tortoise import filters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pypika_tortoise.context import SqlContext

    Filter = Callable[[Term, Any], Criterion]

_FRACTION: Final = (
    "CASE WHEN INSTR({0},'.')>0 "
    "THEN ROUND(CAST('0'||SUBSTR({0},INSTR({0},'.'),7) AS REAL)*1000000) ELSE 0 END"
)
_MICROSECONDS: Final = f"(CAST(STRFTIME('%S',{{0}}) AS INTEGER)*1000000+{_FRACTION})"

#: The SQL of each part of the value `{0}`. Each has the affinity of a number, so that a filter may
#: compare it with a text.
_SQLITE: Final = {
    "year": "CAST(STRFTIME('%Y',{0}) AS INTEGER)",
    "quarter": "CAST((STRFTIME('%m',{0})+2)/3 AS INTEGER)",
    "month": "CAST(STRFTIME('%m',{0}) AS INTEGER)",
    # The week of a day is that of its Thursday.
    "week": "CAST((STRFTIME('%j',{0},'-3 days','weekday 4')-1)/7+1 AS INTEGER)",
    "day": "CAST(STRFTIME('%d',{0}) AS INTEGER)",
    "hour": "CAST(STRFTIME('%H',{0}) AS INTEGER)",
    "minute": "CAST(STRFTIME('%M',{0}) AS INTEGER)",
    "second": f"CAST({_MICROSECONDS}/1000000.0 AS NUMERIC)",
    "microsecond": f"CAST({_MICROSECONDS} AS INTEGER)",
}
_MYSQL: Final = {
    "week": "WEEK({0},3)",
    "second": "(EXTRACT(SECOND_MICROSECOND FROM {0})*0.000001)",
    "microsecond": "EXTRACT(SECOND_MICROSECOND FROM {0})",
}


class _Part(Function):
    """A part of a date, as SQL.

    Args:
        template: The SQL, with `{0}` in the places of the date.
        date: The date.
    """

    def __init__(self, template: str, date: Term) -> None:
        super().__init__("", date)
        self._template = template

    def get_function_sql(self, ctx: SqlContext) -> str:
        """Return the SQL."""
        pieces = self._template.split("{0}")
        # Built once for each place: each may add its own parameters.
        dates = [self.get_arg_sql(self.args[0], ctx) for _ in pieces[1:]]
        return "".join(part for pair in zip(pieces, [*dates, ""], strict=True) for part in pair)


def _overrides(templates: Mapping[str, str]) -> dict[Filter, Filter]:
    return {
        getattr(filters, f"extract_{part}_equal"): _filter(template)
        for part, template in templates.items()
    }


def _filter(template: str) -> Filter:
    def compare(field: Term, value: Any) -> Criterion:
        return _Part(template, field).eq(value)

    return compare


#: The filters to use in place of those of Tortoise, in the form of `FILTER_FUNC_OVERRIDE`.
SQLITE_FILTERS: Final = _overrides(_SQLITE)
MYSQL_FILTERS: Final = _overrides(_MYSQL)
