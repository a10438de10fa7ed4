"""Faults of the author that are recognized by the errors of a call."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actionhero.call import Call
    from actionhero.errors import TypedError


def without_message(error: TypedError) -> TypeError:
    """Return the error of a class whose `__init__` does not call that of `TypedError`."""
    name = type(error).__qualname__
    message = f"{name}.__init__ does not call super().__init__(message); add the call"
    return TypeError(message).with_traceback(error.__traceback__)


def lacks_request(error: BaseException, call: Call) -> bool:
    """Return whether an error is that of code which uses a request where there is none."""
    traceback = error.__traceback__
    if (
        traceback is None
        or not isinstance(error, AttributeError)
        or error.obj is not None
        or call.connection.raw is not None
    ):
        return False
    while traceback.tb_next is not None:
        traceback = traceback.tb_next
    return {"connection", "raw"} <= set(traceback.tb_frame.f_code.co_names)
