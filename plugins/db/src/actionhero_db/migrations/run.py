"""One migration, run or undone: wholly, or not at all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from tortoise.transactions import in_transaction

from actionhero_db.migrations.editors import editor_for
from actionhero_db.migrations.engine import MigrationFailed
from actionhero_db.migrations.indexes import create_missing
from actionhero_db.migrations.session import Recorder
from actionhero_db.migrations.tables import is_there_already
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tortoise.migrations.graph import MigrationKey
    from tortoise.migrations.migration import Migration
    from tortoise.migrations.operations import TortoiseOperation
    from tortoise.migrations.schema_editor.base import BaseSchemaEditor
    from tortoise.migrations.schema_generator.state import State

    from actionhero_db.migrations.session import Session

#: An operation, and the models before and after it.
_Step = tuple[Any, Any, Any]


async def run_forward(session: Session, key: MigrationKey, state: State) -> list[str]:
    """Run a migration, and return what was done.

    Args:
        session: The connections.
        key: Which one.
        state: The models before it; afterwards, those after it.

    Raises:
        MigrationFailed: It failed; the message says what is left of it.
    """
    migration = session.migration(key)
    steps: list[_Step] = []
    for operation in migration.operations:
        before = state.clone()
        operation.state_forward(key.app_label, state)
        steps.append((operation, before, state.clone()))
    adopted = await is_there_already(session, migration, state)

    async def run(operation: TortoiseOperation, old: State, new: State, editor: Any) -> None:
        await operation.database_forward(key.app_label, old, new, editor)

    async with _guarded(session, migration, steps) as (editor, progress):
        if not adopted:
            await _run_steps(editor, steps, run, progress)
        created = await _create_missing(editor, key.app_label, state)
        await Recorder(editor.client).record_applied(key.app_label, key.name)
    done = f"{key}: tables were there already" if adopted else f"{key}: done"
    return [done, *(f"{key}: created the index {name}" for name in created)]


async def run_backward(session: Session, key: MigrationKey, state: State) -> list[str]:
    """Undo a migration, and return what was done.

    Args:
        session: The connections.
        key: Which one.
        state: The models before it.

    Raises:
        MigrationFailed: It failed, or cannot be undone.
    """
    migration = session.migration(key)
    steps = _steps_back(migration, state)

    async def run(operation: TortoiseOperation, old: State, new: State, editor: Any) -> None:
        await operation.database_backward(key.app_label, old, new, editor)

    async with _guarded(session, migration, steps) as (editor, progress):
        await _run_steps(editor, steps, run, progress)
        created = await _create_missing(editor, key.app_label, state)
        await Recorder(editor.client).record_unapplied(key.app_label, key.name)
    return [f"{key}: undone", *(f"{key}: created the index {name}" for name in created)]


async def collect(session: Session, key: MigrationKey, *, backward: bool) -> list[str]:
    """Return the statements of a migration."""
    migration = session.migration(key)
    before = session.graph.forwards_plan(key)[:-1]
    # Those that it does not need may be there too, and change nothing of what it says.
    state = await session.state_after(before)
    editor = editor_for(session.client, atomic=False, collect=True)
    if backward:
        steps = _steps_back(migration, state)
    else:
        steps = []
        for operation in migration.operations:
            old = state.clone()
            operation.state_forward(key.app_label, state)
            steps.append((operation, old, state.clone()))
    for operation, old, new in steps:
        editor.collected_sql.append(f"-- {operation.describe()}")
        if not operation.reduces_to_sql:
            editor.collected_sql.append("-- (Python code, which is not SQL)")
            continue
        editor.source, editor.target = old, new  # type: ignore[attr-defined]
        run = operation.database_backward if backward else operation.database_forward
        await run(key.app_label, old, new, editor)
    return [line for line in editor.collected_sql if line.strip()]


def _steps_back(migration: Migration, state: State) -> list[_Step]:
    """Return the operations of a migration, the last first, each with the models it undoes."""
    now = state.clone()
    steps: list[_Step] = []
    for operation in migration.operations:
        if not operation.reversible:
            raise MigrationFailed(
                f"migration {migration.app_label}.{migration.name} cannot be undone: "
                f"{operation.describe()} has no reverse; nothing was changed"
            )
        before = now.clone()
        operation.state_forward(migration.app_label, now)
        steps.insert(0, (operation, now.clone(), before))
    return steps


async def _run_steps(
    editor: BaseSchemaEditor,
    steps: list[_Step],
    run: Callable[[Any, Any, Any, Any], Awaitable[None]],
    progress: list[str],
) -> None:
    for operation, old, new in steps:
        progress.append(operation.describe())
        editor.source, editor.target = old, new  # type: ignore[attr-defined]
        await run(operation, old, new, editor)


async def _create_missing(editor: BaseSchemaEditor, label: str, state: State) -> list[str]:
    if editor.client.capabilities.dialect == Dialect.MYSQL:
        return []
    created = []
    for (own, name), model_state in state.models.items():
        if own == label and not model_state.abstract:
            created += await create_missing(editor, state.apps.get_model(own, name))
    return created


@contextlib.asynccontextmanager
async def _guarded(
    session: Session, migration: Migration, steps: list[_Step]
) -> AsyncIterator[tuple[BaseSchemaEditor, list[str]]]:
    """Give an editor, and keep what it does if the block and the foreign keys are whole."""
    editor = editor_for(session.client, atomic=migration.atomic)
    progress: list[str] = []
    whole = editor.atomic_migration
    try:
        async with contextlib.AsyncExitStack() as stack:
            if whole:
                transaction = in_transaction(session.client.connection_name)
                editor.client = await stack.enter_async_context(transaction)
            before = await _broken_keys(editor)
            yield editor, progress
            broken = await _broken_keys(editor) - before
            if broken:
                table, parent = min(broken)
                raise MigrationFailed(
                    f"rows of table {table!r} would refer to rows of {parent!r} that are not there"
                )
    except Exception as error:
        raise MigrationFailed(_told(migration, steps, progress, error, whole=whole)) from error


async def _broken_keys(editor: BaseSchemaEditor) -> set[tuple[str, str]]:
    if editor.client.capabilities.dialect != Dialect.SQLITE:
        # The server looks itself.
        return set()
    _, rows = await editor.client.execute_query("PRAGMA foreign_key_check")
    return {(row["table"], row["parent"]) for row in rows}


def _told(
    migration: Migration,
    steps: list[_Step],
    progress: list[str],
    error: Exception,
    *,
    whole: bool,
) -> str:
    name = f"migration {migration.app_label}.{migration.name}"
    place = f" at step {len(progress)} of {len(steps)} ({progress[-1]})" if progress else ""
    failed = f"{name} failed{place}: {error}"
    if whole:
        return f"{failed}; nothing of it was kept, and those before it stay"
    stay = ", ".join(progress[:-1]) or "none"
    return (
        f"{failed}; it is not atomic, so what was done stays: {stay}; of the step that failed a "
        "part may be done. Mend the tables by hand, or go back to a backup"
    )
