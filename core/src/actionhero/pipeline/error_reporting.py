"""The part of the pipeline by which transports and plugins report and translate errors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.pipeline.error_handling import ErrorHandler

if TYPE_CHECKING:
    from actionhero.call import Outcome
    from actionhero.errors import TypedError
    from actionhero.pipeline.error_handling import Translation
    from actionhero.pipeline.exception_reports import ExceptionReports


class ErrorReporting:
    """Reports errors outside of calls, and translates those of drivers.

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
        self._errors = ErrorHandler(
            show_tracebacks=show_tracebacks,
            keep_tracebacks=keep_tracebacks,
            result_types=result_types,
            reports=reports,
        )

    def report_exception(
        self,
        exception: BaseException,
        operation: str,
        *,
        action: str = "",
        transport: str = "",
        request_id: str | None = None,
    ) -> None:
        """Report an unexpected exception to the reporters, unless it was reported already.

        For initializers, servers and transports, whose exceptions the pipeline does not see.

        Args:
            exception: The exception.
            operation: The failed operation, such as `the reply to 'ada'`.
            action: The action, if it was not called.
            transport: The transport of the call that failed.
            request_id: The request id of that call.
        """
        self._errors.reports.report(
            exception, operation, action=action, transport=transport, request_id=request_id
        )

    def error_outcome(self, operation: str, error: BaseException) -> Outcome:
        """Return the outcome of an operation of a transport that failed outside of a call.

        Args:
            operation: For the log, such as `"joining the channel 'news'"`.
            error: The error.
        """
        return self._errors.handle_outside_call(error, operation)

    def translate(self, type_: type[Exception], translation: Translation) -> None:
        """Translate exceptions of `type_` and its subclasses to a `TypedError`.

        For plugins that know a driver: a lost connection is a 503, not an error of the action. The
        translation of a subclass takes precedence over that of its base, unless it returns `None`.
        """
        self._errors.translate(type_, translation)

    def translated(self, error: BaseException) -> TypedError | None:
        """Return the error that clients see for an exception of a driver; `None`: it is unexpected.

        For transports and native routes, which call drivers themselves.
        """
        return self._errors.translated(error)

    @property
    def show_tracebacks(self) -> bool:
        """Whether outcomes contain the traceback of their error, as text."""
        return self._errors.show_tracebacks

    @show_tracebacks.setter
    def show_tracebacks(self, show: bool) -> None:
        self._errors.show_tracebacks = show
