"""Tortoise's contexts: their creation, activation in a task, and closing.

Tortoise reads its state from a context variable, without a public way to set it for concurrent
calls: `with context:` fails as soon as two tasks enter it. So this module sets the variable
itself, and is the only one to do so. `tests/test_orm.py` fails if an upgrade moves the variable.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from tortoise.context import TortoiseContext, _current_context
from tortoise.exceptions import ConfigurationError

from actionhero import PluginError
from actionhero_db.column_ranges import add_range_validators

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token


def activate(context: TortoiseContext) -> Token[TortoiseContext | None]:
    """Connect the models in this task to the database of `context`, until `deactivate`."""
    return _current_context.set(context)


def deactivate(token: Token[TortoiseContext | None]) -> None:
    """Restore the context from before `activate`, in the same task."""
    _current_context.reset(token)


def current_context() -> TortoiseContext | None:
    """Return the active context of this task."""
    return _current_context.get()


def replace_context(context: TortoiseContext, replacement: TortoiseContext | None) -> None:
    """Activate `replacement` if `context` is active in this task, whichever task activated it."""
    if _current_context.get() is context:
        _current_context.set(replacement)


@contextlib.contextmanager
def activated(context: TortoiseContext) -> Iterator[None]:
    """Activate `context` for a block."""
    token = activate(context)
    try:
        yield
    finally:
        deactivate(token)


async def create_context(config: dict[str, Any]) -> TortoiseContext:
    """Return a context for the running event loop. The first statement connects.

    The function never suspends, so two tasks cannot be in it at once.

    Raises:
        PluginError: The models are inconsistent.
    """
    context = TortoiseContext()
    # Tortoise writes its time zone into the environment, where child processes would inherit it.
    environ = {name: os.environ.get(name) for name in ("USE_TZ", "TIMEZONE")}
    try:
        with activated(context):
            await context.init(config=config)
            for models in (context.apps or {}).values():
                add_range_validators(models.values())
    except (ConfigurationError, RuntimeWarning) as error:
        labels = ", ".join(map(repr, config["apps"]))
        raise PluginError(
            f"the models of {labels} are inconsistent: {error}; fix the modules, or the result of "
            "actionhero_db_models"
        ) from error
    finally:
        for name, value in environ.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return context


async def close_context(context: TortoiseContext) -> None:
    """Close the connections of `context`, in its event loop."""
    with activated(context):
        await context.close_connections()


def terminate_context(context: TortoiseContext) -> None:
    """Drop the connections of `context`, whose event loop has stopped or does not respond."""
    for client in context.connections._get_storage().values():
        if hasattr(client, "terminate"):
            client.terminate()
            continue
        pool: Any = getattr(client, "_pool", None)
        if pool is not None:
            pool.terminate()
        if hasattr(client, "drop_connection"):
            client.drop_connection()
