"""The hook specifications of core for the pipeline: callers, and middleware.

Called as those of `hookspecs.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.plugins.hookspecs import hookspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actionhero.application import Application
    from actionhero.audit.sink import AuditSink
    from actionhero.authentication import Authenticator, PermissionSource
    from actionhero.connection import SessionStore
    from actionhero.middleware import Middleware
    from actionhero.pipeline.exception_reports import ExceptionReporter
    from actionhero.pipeline.observation import Observer
    from actionhero.plugins.instruments import Instrument


@hookspec(firstresult=True)
def actionhero_session_store(app: Application) -> SessionStore | None:
    """The store of sessions.

    Called once, while the application is loaded. Without a store a session lives as long as its
    connection.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        A store, or `None`.

    Order:
        The reverse order of registration, the application first. The first store is used, and
        the other plugins are not called.

    Example:
        ```python
        @hookimpl
        def actionhero_session_store(app):
            return RedisSessionStore(app.get(SessionSettings))
        ```
    """


@hookspec
def actionhero_authenticators(app: Application) -> Sequence[Authenticator] | None:
    """Authenticators of credentials other than sessions, such as API keys.

    Called once, while the application is loaded. With none, transports read no credentials.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Authenticators.

    Order:
        The order of registration, the application last. The first that knows the credentials of
        a call decides.

    Example:
        ```python
        @hookimpl
        def actionhero_authenticators(app):
            return [ApiKeyAuthenticator(app.get(AuthSettings))]
        ```
    """


@hookspec(firstresult=True)
def actionhero_permissions(app: Application) -> PermissionSource | None:
    """The source of the permissions of principals.

    Called once, while the application is loaded. Without one, a principal has the permissions
    that its credentials state.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        A source, or `None`.

    Order:
        The reverse order of registration, the application first. The first source is used, and
        the other plugins are not called.

    Example:
        ```python
        @hookimpl
        def actionhero_permissions(app):
            return RolesOfUsers(app.get(RoleSettings))
        ```
    """


@hookspec
def actionhero_observers(app: Application) -> Sequence[Observer] | None:
    """Observers of every call, such as for metrics.

    Called once, while the application is loaded. Without any, a call costs nothing more.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Observers.

    Order:
        The order of registration, the application last; at the end of a call the reverse.

    Example:
        ```python
        @hookimpl
        def actionhero_observers(app):
            return [CallTimes(app.get(MetricSettings))]
        ```
    """


@hookspec
def actionhero_instruments(app: Application) -> Sequence[Instrument] | None:
    """Figures of a part of the application, such as its open connections, for metrics.

    Called by a plugin that shows metrics, when the initializers of the process are initialized.
    Without such a plugin, it is not called.

    Args:
        app: The application; `app.get` returns settings and resources.

    Returns:
        Instruments, which are read while metrics are requested, or recorded.

    Order:
        The order of registration, which makes no difference. Two instruments of one name must have
        the same labels.

    Example:
        ```python
        @hookimpl
        def actionhero_instruments(app):
            mails = app.get(MailQueue)
            return [
                Instrument(
                    "mail.queue",
                    description="Mails to send.",
                    read=lambda: [({}, len(mails))],
                )
            ]
        ```
    """


@hookspec
def actionhero_exception_reporters(app: Application) -> Sequence[ExceptionReporter] | None:
    """Reporters of unexpected exceptions, for services that collect errors.

    Called once, while the application is loaded. An exception is unexpected if its client receives
    a 5xx, or if it has no client: a dead job, or an initializer that does not start. Errors of
    clients are not reported.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Reporters.

    Order:
        The order of registration, the application last.

    Example:
        ```python
        @hookimpl
        def actionhero_exception_reporters(app):
            return [SentryReporter()]
        ```
    """


@hookspec
def actionhero_audit_sinks(app: Application) -> Sequence[AuditSink] | None:
    """Sinks of audit events, such as a table or a service, in addition to the log lines.

    Called once, while the application is loaded. Without any, no thread is started.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Sinks.

    Order:
        The order of registration, the application last: each event is written in this order.

    Example:
        ```python
        @hookimpl
        def actionhero_audit_sinks(app):
            return [AuditFile(app.get(AppSettings).data_dir / "audit.jsonl")]
        ```
    """


@hookspec
def actionhero_middleware(app: Application) -> Sequence[Middleware] | None:
    """Middleware around all calls, over every transport.

    Called once, while the application is loaded: settings are available, nothing has started.

    Args:
        app: The application; `app.get` returns settings.

    Returns:
        Middleware, the outermost first.

    Order:
        The order of registration; the middleware of the application is the innermost. `before`
        runs from the outside in, `after` from the inside out.

    Example:
        ```python
        @hookimpl
        def actionhero_middleware(app):
            return [RateLimit(app.get(RateLimitSettings))]
        ```
    """


@hookspec
def actionhero_response_types(app: Application) -> Sequence[type] | None:
    """Types of responses of a transport, which actions may return as they are.

    Called once, when all actions are registered, in every process: import nothing heavy.

    Args:
        app: The application; `app.mode` may make an import unnecessary.

    Returns:
        Classes. Their instances are not checked against the return annotation, and not encoded.
        To raise one that is an exception is the same as to return it. A response whose `status` is
        400 or above is a failure of the call.

    Order:
        The order of registration, which makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_response_types():
            return [GrpcMessage]
        ```
    """
