"""What becomes of an exception in a call: what its caller is told, and what the log."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from actionhero.call import Outcome
from actionhero.errors import ABSENT, ServiceUnavailable, TypedError
from actionhero.inputs.problems import FIXED_MESSAGES
from actionhero.redaction import Scrubber

if TYPE_CHECKING:
    from actionhero.action import RegisteredAction
    from actionhero.inputs.payloads import Payload

Translation = Callable[[Any], TypedError]

logger = logging.getLogger("actionhero.call")

#: What a caller is told of an exception that nobody foresaw. Its text stays inside.
INTERNAL_ERROR = "Internal error"


class ErrorHandler:
    """Turns exceptions into outcomes, without our insides and without secrets.

    Args:
        show_tracebacks: Whether outcomes carry the traceback of their error, as text.
        keep_tracebacks: Whether errors keep their own, for whoever raises them again: tests.
    """

    def __init__(self, *, show_tracebacks: bool, keep_tracebacks: bool) -> None:
        self.show_tracebacks = show_tracebacks
        self._keep_tracebacks = keep_tracebacks
        self._translations: dict[type[Exception], Translation] = {
            ConnectionError: lambda _: ServiceUnavailable(
                "A service that this action needs is not available"
            )
        }

    def translate(self, type_: type[Exception], translation: Translation) -> None:
        """Tell exceptions of `type_`, and of its subclasses, as a `TypedError` of your own.

        For plugins that know a driver: that it lost its server is 503 and no failure of an action.
        A subclass that is known itself goes before the class that it derives from.
        """
        self._translations[type_] = translation

    def reject(self, error: TypedError, action: RegisteredAction, raw: Payload) -> Outcome:
        """Return the outcome of a call that ended before anything ran: no traceback is of use."""
        secrets = action.inputs.secrets
        # Most are refused for what the schema says, and there is nothing to look through.
        if secrets and any(problem.type not in FIXED_MESSAGES for problem in error.problems):
            _clean(error, _scrubber(secrets, raw, None), secrets)
        # The traceback holds the frame that holds this outcome: a circle that only the
        # collector could break. The context holds pydantic's error, and so all inputs.
        error.__traceback__ = error.__context__ = None
        return Outcome(error=error)

    def failed(
        self, error: BaseException, action: RegisteredAction, raw: Payload, inputs: Any
    ) -> Outcome:
        """Return the outcome of a call in which `error` was raised, and log what is unexpected.

        Args:
            error: Whatever was raised.
            action: What was called.
            raw: The inputs as they came.
            inputs: The inputs as they are now. Validators may have changed a secret, such as to
                lower case: both forms are taken out of all that is told.
        """
        secrets = action.inputs.secrets
        scrubber = _scrubber(secrets, raw, inputs)
        # Before anything is shown of it: who translates an error takes values out of its text.
        told = error if isinstance(error, TypedError) else self._translated(error)
        stack = None
        if self.show_tracebacks:
            stack = scrubber.scrub("".join(traceback.format_exception(error)))
        if told is None:
            told = TypedError(INTERNAL_ERROR)
            if self._keep_tracebacks:
                told.__cause__ = error
            logger.error(
                "action %r failed: %s",
                action.name,
                error,
                exc_info=error,
                extra={"scrubber": scrubber},
            )
        else:
            if told is not error:
                logger.warning(
                    "action %r failed: %s", action.name, error, extra={"scrubber": scrubber}
                )
            if secrets:
                _clean(told, scrubber, secrets)
        if not self._keep_tracebacks:
            # The same circle as above.
            told.__traceback__ = None
        return Outcome(error=told, stack=stack)

    def beside(self, error: Exception, what: str) -> Outcome:
        """Return the outcome of what a door does beside calls, and log what is unexpected."""
        told = error if isinstance(error, TypedError) else self._translated(error)
        stack = "".join(traceback.format_exception(error)) if self.show_tracebacks else None
        if told is None:
            logger.error("%s failed: %s", what, error, exc_info=error)
            told = TypedError(INTERNAL_ERROR)
        return Outcome(error=told, stack=stack)

    def unanswerable(self, error: Exception, name: str) -> Outcome:
        """Return the outcome of a call whose value the door could not write down."""
        logger.error("action %r answered what cannot be told: %s", name, error, exc_info=error)
        stack = "".join(traceback.format_exception(error)) if self.show_tracebacks else None
        return Outcome(error=TypedError(INTERNAL_ERROR), stack=stack)

    def _translated(self, error: BaseException) -> TypedError | None:
        for type_ in type(error).__mro__:
            translation = self._translations.get(type_)
            if translation is not None:
                return translation(error)
        return None


def _scrubber(secrets: frozenset[str], raw: Payload, inputs: Any) -> Scrubber:
    if not secrets:
        return Scrubber.from_inputs({}, secrets)
    return Scrubber.from_inputs({"given": dict(raw.preview()), "inputs": inputs}, secrets)


def _clean(error: TypedError, scrubber: Scrubber, secrets: frozenset[str]) -> None:
    """Take secrets out of what an error tells its caller, whatever its author put there."""
    message = scrubber.scrub(error.message)
    if message is not error.message:
        error.message = message
        error.args = (message,)
    # Whoever raises it again may show what caused it, and knows nothing of our secrets.
    error.__cause__ = error.__context__ = None
    if error.key in secrets:
        error.value = ABSENT
    elif error.value is not ABSENT:
        text = error.value if isinstance(error.value, str) else repr(error.value)
        if (scrubbed := scrubber.scrub(text)) != text:
            error.value = scrubbed
    error.problems = tuple(
        problem
        if (message := scrubber.scrub(problem.message)) is problem.message
        else problem._replace(message=message)
        for problem in error.problems
    )
