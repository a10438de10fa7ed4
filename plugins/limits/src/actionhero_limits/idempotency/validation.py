"""The places in the list of middleware that `Idempotent` may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero_limits.idempotency.middleware import Idempotent

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from actionhero import Application, Middleware
    from actionhero.transport import RegisteredAction


def idempotent_actions(app: Application) -> list[RegisteredAction]:
    """Return the actions that list `Idempotent`."""
    return [action for action in app.actions if _positions(action.middleware)]


def outbox_topics(app: Application) -> list[str]:
    """Return the topic of outcomes, if an action with `Idempotent` runs in a transaction."""
    is_used = any(
        getattr(item, "begins_transaction", False)
        for action in idempotent_actions(app)
        for item in action.middleware
    )
    if not is_used:
        return []
    from actionhero_limits.idempotency.committed_outcomes import TOPIC

    return [TOPIC]


def validate(app: Application) -> list[str]:
    """Return the errors of actions that list `Idempotent`."""
    errors: list[str] = []
    if _positions(app.pipeline.middleware):
        errors.append(
            "the hook actionhero_middleware returns Idempotent, which would concern every action; "
            "list it in the middleware of the actions instead"
        )
    for action in idempotent_actions(app):
        where = f"action {action.name!r} ({action.source}, {action.owner}) lists Idempotent"
        errors += [f"{where} {fault}" for fault in _faults(action, app.pipeline.middleware)]
    return errors


def _faults(action: RegisteredAction, outside: Sequence[Middleware]) -> Iterator[str]:
    if action.streams:
        yield "and streams its result, which cannot be stored; remove Idempotent()"
    first, *others = _positions(action.middleware)
    if others:
        yield "twice; remove one"
    for item in (*outside, *action.middleware[:first]):
        if getattr(item, "begins_transaction", False):
            yield (
                f"inside of {type(item).__name__}, whose transaction would be committed after the "
                f"result is stored; list Idempotent() before {type(item).__name__}()"
            )
    for item in action.middleware[first + 1 :]:
        if getattr(item, "requires_session", False):
            yield (
                f"before {type(item).__name__}, which refuses callers; list Idempotent() after it, "
                "and after requires of the action and of the group of its route"
            )


def _positions(middleware: Sequence[Middleware]) -> list[int]:
    return [index for index, item in enumerate(middleware) if isinstance(item, Idempotent)]
