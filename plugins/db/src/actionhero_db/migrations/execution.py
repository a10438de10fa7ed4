"""The execution of one migration, forward or backward, as a whole or not at all."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from tortoise.transactions import in_transaction

from actionhero_db.migrations.editors import editor_for
from actionhero_db.migrations.errors import MigrationFailed
from actionhero_db.migrations.indexes import create_missing
from actionhero_db.migrations.session import Recorder
from actionhero_db.migrations.steps import copy_state, steps_of, tables_of
from actionhero_db.migrations.tables import tables_exist
from actionhero_db.url import Dialect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tortoise.migrations.graph import MigrationKey
    from tortoise.migrations.migration import Migration
    from tortoise.migrations.schema_editor.base import BaseSchemaEditor
    from tortoise.migrations.schema_generator.state import State

    from actionhero_db.migrations.session import Session
    from actionhero_db.migrations.steps import Step


async def run_forward(session: Session, key: MigrationKey, state: State) -> list[str]:
    """Run a migration, and return a line for each completed step.

    Args:
        session: The session.
        key: The key of the migration.
        state: The models before the migration; changed to those after it.

    Raises:
        MigrationFailed: The migration failed; the message describes the state of the tables.
    """
    migration = session.migration(key)
    steps = steps_of(migration, state)
    adopted = await tables_exist(session, migration, state)
    async with _transaction(session, migration, steps) as (editor, progress):
        if not adopted:
            await _run_steps(editor, steps, progress)
        created = await _create_missing(editor, key.app_label, state)
        await Recorder(editor.client).record_applied(key.app_label, key.name)
    result = f"{key}: tables already exist" if adopted else f"{key}: done"
    return [result, *(f"{key}: created the index {name}" for name in created)]


async def run_backward(session: Session, key: MigrationKey, state: State) -> list[str]:
    """Undo a migration, and return a line for each completed step.

    Args:
        session: The session.
        key: The key of the migration.
        state: The models before the migration.

    Raises:
        MigrationFailed: The migration failed, or cannot be undone.
    """
    migration = session.migration(key)
    steps = backward_steps(migration, state)
    async with _transaction(session, migration, steps) as (editor, progress):
        await _run_steps(editor, steps, progress)
        created = await _create_missing(editor, key.app_label, state)
        await Recorder(editor.client).record_unapplied(key.app_label, key.name)
    return [f"{key}: undone", *(f"{key}: created the index {name}" for name in created)]


async def collect_sql(session: Session, key: MigrationKey, *, backward: bool) -> list[str]:
    """Return the statements of a migration."""
    migration = session.migration(key)
    before = session.graph.forwards_plan(key)[:-1]
    # Migrations that it does not depend on make no difference to its statements.
    state = await session.state_after(before)
    editor = editor_for(session.client, atomic=False, collect=True)
    steps = backward_steps(migration, state) if backward else steps_of(migration, state)
    editor.model_tables = tables_of(steps)  # type: ignore[attr-defined]
    for step in steps:
        editor.collected_sql.append(f"-- {step.operation.describe()}")
        if not step.operation.reduces_to_sql:
            editor.collected_sql.append("-- (Python code without SQL)")
            continue
        await step.run(editor)
    return [line for line in editor.collected_sql if line.strip()]


def backward_steps(migration: Migration, state: State) -> list[Step]:
    """Return the steps that undo a migration.

    Args:
        migration: The migration.
        state: The models before it.

    Raises:
        MigrationFailed: A step has no reverse.
    """
    for operation in migration.operations:
        if not operation.reversible:
            raise MigrationFailed(
                f"migration {migration.app_label}.{migration.name} cannot be undone: "
                f"{operation.describe()} has no reverse; nothing was changed"
            )
    return [step.reversed for step in reversed(steps_of(migration, copy_state(state)))]


async def _run_steps(editor: BaseSchemaEditor, steps: Sequence[Step], progress: list[str]) -> None:
    for step in steps:
        progress.append(step.operation.describe())
        await step.run(editor)


async def _create_missing(editor: BaseSchemaEditor, label: str, state: State) -> list[str]:
    created = []
    for (own, name), model_state in state.models.items():
        if own == label and not model_state.abstract:
            created += await create_missing(editor, state.apps.get_model(own, name))
    return created


@contextlib.asynccontextmanager
async def _transaction(
    session: Session, migration: Migration, steps: Sequence[Step]
) -> AsyncIterator[tuple[BaseSchemaEditor, list[str]]]:
    """Give an editor for a block, and commit if all foreign keys refer to existing rows."""
    editor = editor_for(session.client, atomic=migration.atomic)
    editor.model_tables = tables_of(steps)  # type: ignore[attr-defined]
    progress: list[str] = []
    atomic = editor.atomic_migration
    try:
        async with contextlib.AsyncExitStack() as stack:
            if atomic:
                transaction = in_transaction(session.client.connection_name)
                editor.client = await stack.enter_async_context(transaction)
            broken_before = await _broken_keys(editor)
            yield editor, progress
            broken = await _broken_keys(editor) - broken_before
            if broken:
                table, parent = min(broken)
                raise MigrationFailed(
                    f"rows of table {table!r} would refer to missing rows of {parent!r}"
                )
    except Exception as error:
        message = _failure_message(migration, steps, progress, error, atomic=atomic)
        raise MigrationFailed(message) from error


async def _broken_keys(editor: BaseSchemaEditor) -> set[tuple[str, str]]:
    if editor.client.capabilities.dialect != Dialect.SQLITE:
        # The server checks them itself.
        return set()
    _, rows = await editor.client.execute_query("PRAGMA foreign_key_check")
    return {(row["table"], row["parent"]) for row in rows}


def _failure_message(
    migration: Migration,
    steps: Sequence[Step],
    progress: list[str],
    error: Exception,
    *,
    atomic: bool,
) -> str:
    name = f"migration {migration.app_label}.{migration.name}"
    place = f" at step {len(progress)} of {len(steps)} ({progress[-1]})" if progress else ""
    failed = f"{name} failed{place}: {error}"
    if atomic:
        return f"{failed}; it was rolled back, and earlier migrations stay applied"
    completed = ", ".join(progress[:-1])
    # The next attempt begins with the first step, and fails there.
    rest = (
        f"so its completed steps stay: {completed}"
        if completed
        else "and this run completed no step; those that an earlier failed run completed stay"
    )
    return (
        f"{failed}; it is not atomic, {rest}; the failed step may be partially applied. Fix the "
        "tables by hand, or restore a backup"
    )
