"""ActionHero: write an action once, and call it over HTTP, WebSocket, the command line or a queue.

Where to start reading:

1. `pipeline/pipeline.py`: the execution of a call.
2. `call.py`, `action.py`, `inputs/`: its parts.
3. `plugins/hookspecs.py`: the contributions of plugins.
4. `app.py`, `lifecycle.py`: how an application is assembled, started and stopped.
5. `plugins/discovery.py`, `plugins/host.py`: how plugins are found and called.

Names are imported on first use: `from actionhero import hookimpl` imports no other module of core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.plugins import VERSION
from actionhero.plugins import lazy_names as lazy_names

__version__ = VERSION

if TYPE_CHECKING:
    from actionhero.action import Action as Action
    from actionhero.action_attributes import ActionAttribute as ActionAttribute
    from actionhero.answer import Answer as Answer
    from actionhero.app import App as App
    from actionhero.application import Application as Application
    from actionhero.application import Link as Link
    from actionhero.application import RunMode as RunMode
    from actionhero.audit.event import AuditEvent as AuditEvent
    from actionhero.audit.log import AuditLog as AuditLog
    from actionhero.audit.sink import AuditSink as AuditSink
    from actionhero.authentication import Authenticator as Authenticator
    from actionhero.authentication import PermissionSource as PermissionSource
    from actionhero.call import Call as Call
    from actionhero.call import Outcome as Outcome
    from actionhero.connection import Connection as Connection
    from actionhero.connection import SessionStore as SessionStore
    from actionhero.errors import ActionNotFound as ActionNotFound
    from actionhero.errors import BootError as BootError
    from actionhero.errors import ChannelRefused as ChannelRefused
    from actionhero.errors import ConfigurationError as ConfigurationError
    from actionhero.errors import Conflict as Conflict
    from actionhero.errors import ConnectionTypeNotFound as ConnectionTypeNotFound
    from actionhero.errors import CredentialsRefused as CredentialsRefused
    from actionhero.errors import ErrorType as ErrorType
    from actionhero.errors import Forbidden as Forbidden
    from actionhero.errors import InputRequired as InputRequired
    from actionhero.errors import InvalidCredentials as InvalidCredentials
    from actionhero.errors import InvalidInput as InvalidInput
    from actionhero.errors import LifecycleError as LifecycleError
    from actionhero.errors import MalformedRequest as MalformedRequest
    from actionhero.errors import MethodNotAllowed as MethodNotAllowed
    from actionhero.errors import NotFound as NotFound
    from actionhero.errors import PluginError as PluginError
    from actionhero.errors import Problem as Problem
    from actionhero.errors import RateLimited as RateLimited
    from actionhero.errors import RequestTooLarge as RequestTooLarge
    from actionhero.errors import ServiceUnavailable as ServiceUnavailable
    from actionhero.errors import SignInRequired as SignInRequired
    from actionhero.errors import Timeout as Timeout
    from actionhero.errors import TypedError as TypedError
    from actionhero.errors import UnavailableError as UnavailableError
    from actionhero.errors import UnsupportedMediaType as UnsupportedMediaType
    from actionhero.files import File as File
    from actionhero.identity.principal import ANONYMOUS as ANONYMOUS
    from actionhero.identity.principal import Credentials as Credentials
    from actionhero.identity.principal import Principal as Principal
    from actionhero.identity.session import Session as Session
    from actionhero.initializer import Initializer as Initializer
    from actionhero.inputs.headers import Cookie as Cookie
    from actionhero.inputs.headers import Header as Header
    from actionhero.inputs.schema import Field as Field
    from actionhero.inputs.schema import Inputs as Inputs
    from actionhero.inputs.schema import Secret as Secret
    from actionhero.middleware import Middleware as Middleware
    from actionhero.middleware import RequestHeader as RequestHeader
    from actionhero.outputs.encoded import Encoded as Encoded
    from actionhero.pipeline.exception_reports import ExceptionReport as ExceptionReport
    from actionhero.pipeline.exception_reports import ExceptionReporter as ExceptionReporter
    from actionhero.pipeline.observation import Observer as Observer
    from actionhero.plugins.hookspecs import hookimpl as hookimpl
    from actionhero.plugins.hookspecs import hookspec as hookspec
    from actionhero.plugins.instruments import Instrument as Instrument
    from actionhero.requirements import Permission as Permission
    from actionhero.requirements import Requirement as Requirement
    from actionhero.requirements import Scope as Scope
    from actionhero.requirements import SignedIn as SignedIn
    from actionhero.server import Server as Server
    from actionhero.server import Supervisor as Supervisor
    from actionhero.settings import Settings as Settings
    from actionhero.streams import Event as Event
    from actionhero.streams import Stream as Stream
    from actionhero.transactions import Outbox as Outbox
    from actionhero.transactions import OutboxMessage as OutboxMessage
    from actionhero.transactions import OutboxSender as OutboxSender
    from actionhero.transactions import Transactions as Transactions


__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".action": ["Action"],
        ".action_attributes": ["ActionAttribute"],
        ".answer": ["Answer"],
        ".app": ["App"],
        ".application": ["Application", "Link", "RunMode"],
        ".audit.event": ["AuditEvent"],
        ".audit.log": ["AuditLog"],
        ".audit.sink": ["AuditSink"],
        ".authentication": ["Authenticator", "PermissionSource"],
        ".call": ["Call", "Outcome"],
        ".connection": ["Connection", "SessionStore"],
        ".errors": [
            "ActionNotFound",
            "BootError",
            "ChannelRefused",
            "ConfigurationError",
            "Conflict",
            "ConnectionTypeNotFound",
            "CredentialsRefused",
            "ErrorType",
            "Forbidden",
            "InputRequired",
            "InvalidCredentials",
            "InvalidInput",
            "LifecycleError",
            "MalformedRequest",
            "MethodNotAllowed",
            "NotFound",
            "PluginError",
            "Problem",
            "RateLimited",
            "RequestTooLarge",
            "ServiceUnavailable",
            "SignInRequired",
            "Timeout",
            "TypedError",
            "UnavailableError",
            "UnsupportedMediaType",
        ],
        ".files": ["File"],
        ".identity.principal": ["ANONYMOUS", "Credentials", "Principal"],
        ".identity.session": ["Session"],
        ".initializer": ["Initializer"],
        ".inputs.headers": ["Cookie", "Header"],
        ".inputs.schema": ["Field", "Inputs", "Secret"],
        ".middleware": ["Middleware", "RequestHeader"],
        ".outputs.encoded": ["Encoded"],
        ".pipeline.exception_reports": ["ExceptionReport", "ExceptionReporter"],
        ".pipeline.observation": ["Observer"],
        ".plugins.hookspecs": ["hookimpl", "hookspec"],
        ".plugins.instruments": ["Instrument"],
        ".requirements": ["Permission", "Requirement", "Scope", "SignedIn"],
        ".server": ["Server", "Supervisor"],
        ".settings": ["Settings"],
        ".streams": ["Event", "Stream"],
        ".transactions": ["Outbox", "OutboxMessage", "OutboxSender", "Transactions"],
    },
    eager=["__version__", "lazy_names"],
)
