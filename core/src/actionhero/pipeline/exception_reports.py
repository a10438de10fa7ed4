"""`ExceptionReporter`: receives each unexpected exception, for services that collect errors."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from actionhero.inputs.scrubber import Scrubber
from actionhero.logs import context_facts
from actionhero.logs import request_id as current_request_id
from actionhero.redaction import mask_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from actionhero.call import Call

logger = logging.getLogger("actionhero.exceptions")

#: Marks an exception that was reported.
_MARK: Final = "_actionhero_reported"
#: How deep nested values are scrubbed.
_MAX_DEPTH: Final = 64


@dataclass(frozen=True, slots=True)
class ExceptionReport:
    """An unexpected exception, and where it occurred."""

    #: The exception, with its traceback. Its text may contain secrets; see `scrub`.
    exception: BaseException = field(repr=False)
    #: The failed operation, such as `action 'order'` or `initializer 'db' … failed to start`.
    operation: str
    #: The action; empty outside of calls.
    action: str = ""
    #: The transport of its connection.
    transport: str = ""
    #: The request id of the log; `None` outside of requests.
    request_id: str | None = None
    #: The inputs of the action, with secrets redacted and values cut.
    inputs: Any = None
    #: The facts of the log lines of its context, such as the id of a job or of a trace.
    facts: Mapping[str, Any] = field(default_factory=dict)
    _scrubber: Scrubber = field(default_factory=Scrubber, repr=False)

    def scrub(self, value: Any) -> Any:
        """Return a text, or a structure of lists and mappings, without secrets in its texts.

        They are the secret inputs and the credentials of the call, the secrets of the settings, and
        passwords in URLs.
        """
        return self._scrub(value, 0)

    def _scrub(self, value: Any, level: int) -> Any:
        if isinstance(value, str):
            return mask_urls(self._scrubber.scrub(value))
        if level >= _MAX_DEPTH:
            return None
        if isinstance(value, Mapping):
            return {
                self._scrub(name, level + 1): self._scrub(item, level + 1)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._scrub(item, level + 1) for item in value]
        return value


class ExceptionReporter(ABC):
    """Receives unexpected exceptions, added by the hook `actionhero_exception_reporters`."""

    @abstractmethod
    def report(self, report: ExceptionReport) -> None:
        """Report an exception.

        Called once for each exception, on the event loop or in a thread, in the context in which it
        was caught. Must not block: a client that sends over the network needs its own thread.
        Exceptions of this method are logged.

        Args:
            report: The exception, and where it occurred.
        """


class ExceptionReports:
    """Passes unexpected exceptions to reporters, each once.

    Args:
        reporters: The reporters.
        secrets: Returns the secrets of the settings.
    """

    def __init__(
        self,
        reporters: Iterable[ExceptionReporter] = (),
        secrets: Callable[[], Iterable[Any]] = tuple,
    ) -> None:
        self._reporters = tuple(reporters)
        self._secrets = secrets

    def __bool__(self) -> bool:
        """Return whether there are reporters."""
        return bool(self._reporters)

    def report(
        self,
        exception: BaseException,
        operation: str,
        *,
        call: Call | None = None,
        preview: Any = None,
        public: BaseException | None = None,
        action: str = "",
        transport: str = "",
        request_id: str | None = None,
    ) -> None:
        """Report an exception, unless it was reported already. Never raises.

        Args:
            exception: The exception.
            operation: The failed operation.
            call: The call; by default that of the current context, if any.
            preview: The inputs of the call before validation.
            public: The error that the client receives, and that an enclosing call may raise again.
            action: The action, outside of a call.
            transport: The transport, outside of a call.
            request_id: The request id, outside of a call.
        """
        if not self._reporters or _is_marked(exception):
            return
        for error in (exception, public):
            # Of any class, which may have no such attribute, or raise another error.
            with contextlib.suppress(Exception):
                setattr(error, _MARK, True)
        try:
            report = self._report_of(exception, operation, call, preview)
            if not report.action:
                report = dataclasses.replace(
                    report,
                    action=action,
                    transport=transport,
                    request_id=request_id or report.request_id,
                )
        except Exception:
            logger.exception("the exception of %s cannot be reported", operation)
            return
        for reporter in self._reporters:
            try:
                reporter.report(report)
            except KeyboardInterrupt:
                raise
            except BaseException:
                # Also a `SystemExit`, or a panic of a Rust extension: it would end the call.
                name = f"{type(reporter).__module__}.{type(reporter).__qualname__}"
                logger.exception("the exception reporter %s has failed", name)

    def _report_of(
        self, exception: BaseException, operation: str, call: Call | None, preview: Any
    ) -> ExceptionReport:
        source = current_request_id.source()
        if call is None and source is not None and hasattr(source, "connection"):
            call = source  # type: ignore[assignment]
        secrets = list(self._secrets())
        if call is None:
            return ExceptionReport(
                exception,
                operation,
                request_id=current_request_id.get(),
                facts=dict(context_facts.get() or {}),
                _scrubber=Scrubber(secrets),
            )
        schema, connection = call.action.inputs, call.connection
        if connection.credentials is not None:
            secrets.append(connection.credentials.token)
        if connection.session_id:
            secrets.append(connection.session_id)
        secrets += Scrubber.secrets_of((preview, call.inputs), schema.secret_names)
        if call.inputs is None:
            inputs = None if preview is None else schema.redact_payload(preview)
        else:
            inputs = schema.redact(call.inputs)
        return ExceptionReport(
            exception,
            operation,
            action=call.action.name,
            transport=connection.transport,
            request_id=call.request_id,
            inputs=inputs,
            facts=dict(context_facts.get() or {}),
            _scrubber=Scrubber(secrets),
        )


def _is_marked(exception: BaseException) -> bool:
    try:
        return bool(getattr(exception, _MARK, False))
    except Exception:  # noqa: BLE001 - of a class of the application
        return False


def report_exception(exception: BaseException, operation: str) -> None:
    """Report an exception in the context of a call; outside of calls, it is not reported.

    Args:
        exception: The exception.
        operation: The failed operation.
    """
    runner = getattr(current_request_id.source(), "_runner", None)
    if runner is not None:
        runner.report_exception(exception, operation)
