"""`PooledConnection`: a PostgreSQL connection that is reset only after a use that may need it."""

from __future__ import annotations

import functools
import re
from typing import Any, Final

import asyncpg  # type: ignore[import-untyped]

_STATEMENT: Final = re.compile(r"\s*(?:SELECT|INSERT|UPDATE|DELETE)\b", re.IGNORECASE)
_RETURNING: Final = re.compile(r"\bRETURNING\b", re.IGNORECASE)
#: Several statements, and comments that could separate a name from its parenthesis.
_SEPARATORS: Final = (";", "--", "/*")
#: The columns of an INSERT look like the arguments of a function.
_COLUMNS: Final = re.compile(r'\s*INSERT INTO (?:"[^"]+"\.)?"[^"]+" \([^()]*\)', re.IGNORECASE)
#: A name before a parenthesis, including its schema and quotation marks.
_CALL: Final = re.compile(r"""([^\s(),;=<>+*/|-]*)\s*\(""")
#: Functions of PostgreSQL that change nothing, and keywords before a parenthesis. Any other
#: function may change a setting, or acquire a lock, that outlives its statement.
_HARMLESS: Final = """
    all and any as avg between by cast ceil char coalesce concat conflict count date decimal
    distinct else exists extract filter float floor from greatest ilike in interval join least
    length like limit lower ltrim max min not now nullif numeric offset on or over partition
    position returning round row row_number rtrim select substring sum then timestamp timestamptz
    trim upper using values varchar when where
"""
_HARMLESS_NAMES: Final = frozenset(_HARMLESS.split()) | {""}


class PooledConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection whose return to the pool needs no round trip after `skip_reset`.

    asyncpg sends four statements whenever a connection is returned, for settings, subscriptions,
    cursors and advisory locks of its last user.
    """

    _needs_reset = True

    async def write(self, query: str, *values: Any) -> tuple[int, list[Any]]:
        """Run an INSERT, UPDATE or DELETE; return the number of rows, and those of RETURNING."""
        records: list[Any] = []
        if _RETURNING.search(query):
            # Unlike `fetch`, it has the number of rows, also if the word is a part of a text.
            # Without a name, it needs no deallocation, and works with a pooler in transaction mode.
            statement = await self.prepare(query, name="")
            records, tag = await statement.fetch(*values), statement.get_statusmsg()
        else:
            tag = await self.execute(query, *values)
        # Such as "UPDATE 3", and "INSERT 0 3".
        number = tag.rpartition(" ")[2]
        return int(number) if number.isdigit() else 0, records

    def skip_reset(self) -> None:
        """Skip the next reset: since the last one, only one stateless statement has run."""
        self._needs_reset = False

    def get_reset_query(self) -> str:
        """Return the statements that reset the connection; empty after `skip_reset`."""
        needs_reset, self._needs_reset = self._needs_reset, True
        return str(super().get_reset_query()) if needs_reset else ""


@functools.lru_cache(maxsize=1024)
def is_stateless(query: str) -> bool:
    """Return whether `query` leaves nothing behind in its connection, judged by its text.

    It must be one statement that reads or writes rows, and may call known functions only.
    """
    if not _STATEMENT.match(query) or any(each in query for each in _SEPARATORS):
        return False
    return all(name.lower() in _HARMLESS_NAMES for name in _CALL.findall(_COLUMNS.sub("", query)))
