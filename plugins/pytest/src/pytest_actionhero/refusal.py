"""A failure as it came through a door, as the error that an action would have raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import actionhero
from actionhero import ErrorType, InvalidInput, Problem, TypedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLASSES = {
    kind.default_type: kind
    for kind in (getattr(actionhero, name) for name in actionhero.__all__)
    if isinstance(kind, type) and issubclass(kind, TypedError)
} | {
    ErrorType.ACTION_RUN: TypedError,
    ErrorType.PARAM_DEFAULT: InvalidInput,
    ErrorType.PARAM_FORMATTING: InvalidInput,
    ErrorType.PARAM_REQUIRED: InvalidInput,
}


def refusal(told: Mapping[str, Any]) -> TypedError:
    """Return the error that a door told of, of the class that says it in one word.

    Args:
        told: What stands below `error` in the answer.
    """
    type_ = ErrorType(told["type"])
    facts: dict[str, Any] = {key: told[key] for key in ("key", "value") if key in told}
    problems = tuple(Problem(**problem) for problem in told.get("errors", ()))
    return _CLASSES.get(type_, TypedError)(told["message"], type=type_, problems=problems, **facts)
