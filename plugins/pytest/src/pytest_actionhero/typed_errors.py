"""Errors in responses, as the exceptions that the action raised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import actionhero
from actionhero import ErrorType, InvalidInput, Problem, TypedError

if TYPE_CHECKING:
    from collections.abc import Mapping

_CLASSES = {
    class_.default_type: class_
    for class_ in (getattr(actionhero, name) for name in actionhero.__all__)
    if isinstance(class_, type) and issubclass(class_, TypedError)
} | {
    ErrorType.ACTION_RUN: TypedError,
    ErrorType.PARAM_DEFAULT: InvalidInput,
    ErrorType.PARAM_FORMATTING: InvalidInput,
    ErrorType.PARAM_REQUIRED: InvalidInput,
}


def typed_error(document: Mapping[str, Any]) -> TypedError:
    """Return the error of a response, as an instance of the most specific class.

    Args:
        document: The value of `error` in the response.
    """
    type_ = ErrorType(document["type"])
    problems = tuple(Problem(**problem) for problem in document.get("errors", ()))
    optional: dict[str, Any] = {
        name: document[name] for name in ("key", "value") if name in document
    }
    class_ = _CLASSES.get(type_, TypedError)
    return class_(document["message"], type=type_, problems=problems, **optional)
