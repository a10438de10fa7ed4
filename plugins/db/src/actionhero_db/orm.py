"""Tortoise's contexts: made, closed, and set for a task, here and nowhere else.

Tortoise finds its state by a context variable, and gives no public way to set it for a call that
runs beside others: `with context:` fails as soon as two tasks are in it. So the variable itself is
set here. `tests/test_orm.py` fails if an upgrade moves it.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from tortoise.context import TortoiseContext, _current_context
from tortoise.exceptions import ConfigurationError

from actionhero import PluginError
from actionhero_db.ranges import limit_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextvars import Token


def enter(context: TortoiseContext) -> Token[TortoiseContext | None]:
    """Let the models of this task talk to the database of `context`, until `leave`."""
    return _current_context.set(context)


def leave(token: Token[TortoiseContext | None]) -> None:
    """Undo `enter`, in the same task."""
    _current_context.reset(token)


def current() -> TortoiseContext | None:
    """Return the context of this task."""
    return _current_context.get()


def restore(context: TortoiseContext, before: TortoiseContext | None) -> None:
    """Go back to `before` if this task is in `context`, whichever task has entered it."""
    if _current_context.get() is context:
        _current_context.set(before)


@contextlib.contextmanager
def entered(context: TortoiseContext) -> Iterator[None]:
    """Be in `context` for a block."""
    token = enter(context)
    try:
        yield
    finally:
        leave(token)


async def new_context(config: dict[str, Any]) -> TortoiseContext:
    """Return a context for the running event loop. Nothing is connected before it is used.

    It does not give up control on the way, so two tasks cannot be in it at once.

    Raises:
        PluginError: The models do not fit together.
    """
    context = TortoiseContext()
    # Tortoise writes its time zone into the environment, where it is no business of child
    # processes of ours.
    before = {name: os.environ.get(name) for name in ("USE_TZ", "TIMEZONE")}
    try:
        with entered(context):
            await context.init(config=config)
            for models in (context.apps or {}).values():
                limit_numbers(models.values())
    except (ConfigurationError, RuntimeWarning) as error:
        labels = ", ".join(map(repr, config["apps"]))
        raise PluginError(
            f"the models of {labels} do not fit together: {error}; mend the modules, or what "
            "actionhero_db_models says of them"
        ) from error
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
    return context


async def close_context(context: TortoiseContext) -> None:
    """Close the connections of `context`, in its event loop."""
    with entered(context):
        await context.close_connections()


def drop_context(context: TortoiseContext) -> None:
    """Drop the connections of `context`, whose event loop has ended or does not answer."""
    for client in context.connections._get_storage().values():
        pool: Any = getattr(client, "_pool", None)
        if pool is not None:
            pool.terminate()
        if hasattr(client, "drop_connection"):
            client.drop_connection()
