"""The scripts of aerich's files: read without a use of the database, and run."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Final

from actionhero_db.migrations.scripts import statements_in
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from tortoise.backends.base.client import BaseDBAsyncClient

    from actionhero_db.migrations.aerich_run import AerichRun

#: The methods of a client that use the database, besides `execute_…`.
_USES: Final = frozenset({"acquire_connection", "create_connection", "_in_transaction"})


class _DatabaseUsed(BaseException):
    """Raised when the Python code of a file uses the database while the file is only read.

    The code may handle any `Exception`, as for a table that does not exist.
    """


class _Unusable:
    """Stands in for a client in a file that is only read, whose code would run twice otherwise."""

    def __init__(self, client: BaseDBAsyncClient) -> None:
        self._client = client
        self.is_used = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("execute_") or name in _USES:
            self.is_used = True
            raise _DatabaseUsed
        return getattr(self._client, name)


async def read_script(run: AerichRun, module: ModuleType, *, backward: bool = False) -> str | None:
    """Return the script of a file; `None` if its Python code uses the database."""
    unusable = _Unusable(run.client)
    script = None
    try:
        with connected(run, unusable):
            script = await script_of(module, unusable, backward=backward)
    except (Exception, _DatabaseUsed, BaseExceptionGroup):
        # The code may raise another error from it, such as the group of its tasks does.
        if not unusable.is_used:
            raise
    return None if unusable.is_used else script


async def script_of(module: ModuleType, client: Any, *, backward: bool = False) -> str:
    """Run the Python code of a file, and return its script."""
    script: str = await (module.downgrade if backward else module.upgrade)(client)
    return script


@contextlib.contextmanager
def connected(run: AerichRun, client: Any) -> Iterator[None]:
    """Connect the models and `in_transaction()` to `client` in this task, for a block."""
    connections = run.session.context.connections
    token = connections.set(run.client.connection_name, client)
    try:
        yield
    finally:
        connections.reset(token)


def steps_of(script: str, dialect: str) -> list[str]:
    """Split a script into the parts that are run one by one.

    On MySQL it is one part, because the end of a body without BEGIN is known to the server only,
    and the client reports the errors of all statements.
    """
    statements = statements_in(script, dialect)
    return [script.strip()] if statements and dialect == Dialect.MYSQL else statements


async def run_step(client: BaseDBAsyncClient, step: str) -> None:
    """Run a part of a script."""
    if client.capabilities.dialect == Dialect.SQLITE:
        # Not as a script: sqlite3 commits before it.
        await client.execute_query(step)
    else:
        # As aerich does: not every statement can be prepared.
        await client.execute_script(step)
