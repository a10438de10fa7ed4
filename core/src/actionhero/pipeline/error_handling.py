"""The error handler, which turns exceptions in calls into outcomes and log lines."""

from __future__ import annotations

import asyncio
import errno
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from actionhero.call import Outcome
from actionhero.errors import (
    ABSENT,
    ActionNotFound,
    ConnectionTypeNotFound,
    Problem,
    ServiceUnavailable,
    Timeout,
    TypedError,
)
from actionhero.inputs.problems import FIXED_MESSAGES
from actionhero.inputs.scrubber import Scrubber
from actionhero.json import UnsupportedType
from actionhero.logs import request_id as current_request_id
from actionhero.outputs import ResultError, located
from actionhero.pipeline.author_faults import (
    attribute_advice,
    described,
    lacks_request,
    place_of_result,
    without_message,
)
from actionhero.pipeline.exception_reports import ExceptionReports

if TYPE_CHECKING:
    from actionhero.action import RegisteredAction
    from actionhero.call import Call
    from actionhero.inputs.payloads import Payload

#: Returns the error for clients, or `None` if the translation of a base class decides.
Translation = Callable[[Any], TypedError | None]

logger = logging.getLogger("actionhero.call")

#: The errors of a machine without file descriptors, memory or disk space.
_EXHAUSTED = frozenset(
    # Windows has no quotas.
    getattr(errno, name, None)
    for name in ("EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSPC", "EDQUOT")
) - {None}
#: The longest message of a problem of inputs.
MAX_MESSAGE_LENGTH: Final = 1000
#: The most characters of all problems of inputs. Each may repeat a part of the inputs, such as a
#: name, or a list in the schema.
MAX_PROBLEMS_LENGTH: Final = 256 * 1024
#: The message of an unexpected exception for clients. Its own text is only logged.
INTERNAL_ERROR = "Internal error"


class ErrorHandler:
    """Turns exceptions into outcomes without internals and secrets.

    Args:
        show_tracebacks: Whether outcomes contain the traceback of their error, as text.
        keep_tracebacks: Whether errors keep their traceback, for tests that raise them again.
        result_types: Exceptions that are results.
        reports: Passes unexpected exceptions to reporters.
    """

    def __init__(
        self,
        *,
        show_tracebacks: bool,
        keep_tracebacks: bool,
        result_types: tuple[type[Exception], ...] = (),
        reports: ExceptionReports | None = None,
    ) -> None:
        self.show_tracebacks = show_tracebacks
        self.reports = ExceptionReports() if reports is None else reports
        self._result_types = result_types
        self._keep_tracebacks = keep_tracebacks
        self._translations: dict[type[Exception], Translation] = {
            ConnectionError: lambda _: ServiceUnavailable(
                "A service that this action needs is not available"
            )
        }

    def translate(self, type_: type[Exception], translation: Translation) -> None:
        """Translate exceptions of `type_` and its subclasses to a `TypedError`.

        The translation of a subclass takes precedence over that of its base, unless it returns
        `None`. Without a translation, the error is unexpected.
        """
        self._translations[type_] = translation

    def translated(self, error: BaseException) -> TypedError | None:
        """Return the error for clients in place of one of a driver; `None`: it is unexpected."""
        for type_ in type(error).__mro__:
            translation = self._translations.get(type_)
            if translation is not None and (typed := translation(error)) is not None:
                return typed
        if isinstance(error, OSError) and error.errno in _EXHAUSTED:
            return ServiceUnavailable(
                "The server has no resources left for this action", retry_after_seconds=1
            )
        return None

    def failed(self, error: BaseException, call: Call, payload: Payload) -> Outcome:
        """Return the outcome of a call that raised `error`.

        Args:
            error: The error.
            call: The call.
            payload: The inputs before validation.

        Raises:
            GeneratorExit: The coroutine of the call is being closed, and must not wait any more.
        """
        if isinstance(error, GeneratorExit) and current_request_id.source() is not call:
            # Not by the code of the call, which runs in the context of the call.
            raise error
        action = call.action
        if isinstance(error, self._result_types):
            error.__traceback__ = None
            outcome = Outcome(error)
            outcome.is_response = True
            return outcome
        interrupt_process(error)
        try:
            if isinstance(error, asyncio.CancelledError):
                task = asyncio.current_task()
                if task is not None and task.cancelling():
                    error = ServiceUnavailable("The call was cancelled")
                    return Outcome(error=error, cancelled=True)
                # The call itself was not cancelled, but something that `run` awaited.
            if isinstance(error, TypedError) and call.inputs is None and hasattr(error, "message"):
                if error.type.is_server_error:
                    self._report(error, error, call, payload)
                return self.reject(error, action, payload)
            if lacks_request(error, call):
                logger.warning(
                    "action %r uses call.connection.raw, which is None over %s; declare headers "
                    "and cookies as inputs, or check for None (%s)",
                    action.name,
                    call.connection.transport,
                    action.source,
                )
                error = ConnectionTypeNotFound("This action requires a request over HTTP")
            return self.handle(error, call, payload)
        except Exception:
            # For example a translation, or the `__str__` of the author's error.
            logger.exception("the error of action %r cannot be handled", action.name)
            return Outcome(error=TypedError(INTERNAL_ERROR))

    def timed_out(self, action: RegisteredAction, seconds: float) -> Outcome:
        """Return the outcome of a call that has exceeded its time limit."""
        message = f"Action {action.name!r} timed out after {seconds * 1000:.0f}ms"
        return Outcome(error=Timeout(message))

    def reject(self, error: TypedError, action: RegisteredAction, payload: Payload) -> Outcome:
        """Return the outcome of a call that failed before validation ended.

        There is no traceback: the error is the client's.
        """
        secrets = action.inputs.secret_names
        # Most messages come from the schema and cannot contain a secret.
        if secrets and any(problem.type not in FIXED_MESSAGES for problem in error.problems):
            _clean(error, _scrubber(secrets, payload, None), secrets)
        if error.problems:
            _shorten(error)
        # The traceback would make a reference cycle: its frame holds this outcome. The context
        # holds pydantic's error, and so all inputs.
        error.__traceback__ = error.__context__ = None
        return Outcome(error=error)

    def handle(self, error: BaseException, call: Call, payload: Payload) -> Outcome:
        """Return the outcome of a call that raised `error`, and log unexpected errors.

        Args:
            error: The error.
            call: The call. Validators may have changed a secret, for example to lower case: both
                forms are removed from all texts.
            payload: The inputs before validation.
        """
        action, inputs = call.action, call.inputs
        secrets = action.inputs.secret_names
        scrubber = _scrubber(secrets, payload, inputs)
        # Before the traceback is formatted: a translation may remove values from the error's text.
        if isinstance(error, TypedError) and not hasattr(error, "message"):
            error = without_message(error)
        typed = error if isinstance(error, TypedError) else self.translated(error)
        if isinstance(error, ActionNotFound):
            # The client has called an action that exists, and cannot know of another one.
            typed = None
        stack = None
        if self.show_tracebacks:
            stack = scrubber.scrub("".join(traceback.format_exception(error)))
        if typed is None:
            typed = TypedError(INTERNAL_ERROR)
            if isinstance(error, ResultError) and (error.shown or self.show_tracebacks):
                typed = TypedError(scrubber.scrub(str(error)))
            if self._keep_tracebacks:
                typed.__cause__ = error
            logger.error(
                "action %r failed: %s%s",
                action.name,
                described(error),
                place_of_result(error, action) or attribute_advice(error, call),
                exc_info=None if isinstance(error, ResultError) else error,
                extra={"scrubber": scrubber},
            )
            self._report(error, typed, call, payload)
        else:
            if typed is not error:
                logger.warning(
                    "action %r failed: %s", action.name, error, extra={"scrubber": scrubber}
                )
            if typed.type.is_server_error:
                self._report(error, typed, call, payload)
            if secrets:
                _clean(typed, scrubber, secrets)
            if typed.problems:
                typed.problems = tuple(_shortened(typed.problems))
        if not self._keep_tracebacks:
            # The same reference cycle as above.
            typed.__traceback__ = None
        return Outcome(error=typed, stack=stack)

    def handle_outside_call(self, error: BaseException, operation: str) -> Outcome:
        """Return the outcome of an operation outside of a call, and log unexpected errors."""
        interrupt_process(error)
        typed = error if isinstance(error, TypedError) else self.translated(error)
        if typed is None:
            logger.error("%s failed: %s", operation, error, exc_info=error)
            typed = TypedError(INTERNAL_ERROR)
        if typed.type.is_server_error:
            self.reports.report(error, operation, public=typed)
        return Outcome(error=typed, stack=self._stack(error))

    def handle_encoding_error(
        self, error: BaseException, name: str, action: RegisteredAction | None
    ) -> Outcome:
        """Return the outcome of a call whose result the transport cannot encode; log the error."""
        interrupt_process(error)
        if isinstance(error, ConnectionTypeNotFound):
            # The result is valid for another transport.
            logger.warning("the result of action %r cannot be encoded: %s", name, error)
            return Outcome(error=error)
        reason: object = error
        stack: BaseException | None = error
        if isinstance(error, UnsupportedType):
            # The traceback has no line of the author then.
            stack = None
            place = "" if action is None else place_of_result(error, action)
            reason = located(error) + place
        logger.error("the result of action %r cannot be encoded: %s", name, reason, exc_info=stack)
        typed = TypedError(INTERNAL_ERROR)
        self.reports.report(error, f"the result of action {name!r}", public=typed)
        return Outcome(error=typed, stack=self._stack(error))

    def _report(
        self, error: BaseException, public: TypedError, call: Call, payload: Payload
    ) -> None:
        if self.reports:
            operation = f"action {call.action.name!r}"
            self.reports.report(
                error, operation, call=call, preview=payload.preview(), public=public
            )

    def _stack(self, error: BaseException) -> str | None:
        return "".join(traceback.format_exception(error)) if self.show_tracebacks else None


def interrupt_process(error: BaseException) -> None:
    """Raise a `KeyboardInterrupt` of a call again, outside of it, so that the process stops.

    `serve` then stops the application in order.
    """
    if isinstance(error, Exception):
        return
    if isinstance(error, BaseExceptionGroup) and error.subgroup(KeyboardInterrupt):
        error = KeyboardInterrupt(str(error))
    if isinstance(error, KeyboardInterrupt):
        asyncio.get_running_loop().call_soon(_raise, error)


def ends_task(error: BaseException) -> bool:
    """Return whether an error cancels the current task or closes its coroutine.

    It must be raised again. A `CancelledError` of something that the task has awaited, such as
    another task, is an error like any other.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or task.cancelling() > 0
    return isinstance(error, GeneratorExit)


def _raise(error: BaseException) -> None:
    raise error


def _scrubber(secrets: frozenset[str], payload: Payload, inputs: Any) -> Scrubber:
    if not secrets:
        return Scrubber.from_inputs((), secrets)
    return Scrubber.from_inputs((payload.preview(), inputs), secrets)


def _shorten(error: TypedError) -> None:
    """Cut the messages of invalid inputs, which may contain them, once secrets are removed."""
    error.message = _cut(error.message)
    error.args = (error.message,)
    error.problems = tuple(_shortened(error.problems))


def _shortened(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Yield the first problems, with messages that are cut."""
    rest = MAX_PROBLEMS_LENGTH
    for problem in problems:
        message = _cut(problem.message)
        rest -= len(problem.pointer) + len(message)
        if rest < 0:
            return
        yield problem if message is problem.message else problem._replace(message=message)


def _cut(message: str) -> str:
    if len(message) <= MAX_MESSAGE_LENGTH:
        return message
    return f"{message[:MAX_MESSAGE_LENGTH]}…"


def _clean(error: TypedError, scrubber: Scrubber, secrets: frozenset[str]) -> None:
    """Remove secrets from the message, the value and the problems of an error."""
    messages = (error.message, *(problem.message for problem in error.problems))
    narrowed = scrubber.narrowed("\n".join(messages))
    message = narrowed.scrub(error.message)
    if message is not error.message:
        error.message = message
        error.args = (message,)
    # If the error is raised again, its cause may be shown without our scrubber.
    error.__cause__ = error.__context__ = None
    if error.key in secrets:
        error.value = ABSENT
    elif error.value is not ABSENT:
        text = error.value if isinstance(error.value, str) else repr(error.value)
        if (scrubbed := scrubber.scrub(text)) != text:
            error.value = scrubbed
    error.problems = tuple(
        problem
        if (message := narrowed.scrub(problem.message)) is problem.message
        else problem._replace(message=message)
        for problem in error.problems
    )
