"""ActionHero: write an action once; HTTP, WebSocket, the command line and a queue bring calls.

Where to begin reading:

1. `pipeline.py`: what happens to a call, on one screen.
2. `call.py`, `action.py`, `inputs.py`: the nouns in it.
3. `hookspecs.py`: what may be added, in order.
4. `app.py`, `lifecycle.py`: how it is put together, and its life.
5. `discovery.py`, `plugins.py`: how what is added is found.

Names are imported when they are asked for: `from actionhero import hookimpl` costs a plugin
nothing more than that.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from actionhero.version import VERSION as __version__  # noqa: N811 - a name of its own kind

if TYPE_CHECKING:
    from actionhero.action import Action as Action
    from actionhero.app import App as App
    from actionhero.call import Call as Call
    from actionhero.call import Outcome as Outcome
    from actionhero.connection import Connection as Connection
    from actionhero.errors import ActionNotFound as ActionNotFound
    from actionhero.errors import BootError as BootError
    from actionhero.errors import ChannelRefused as ChannelRefused
    from actionhero.errors import ConfigurationError as ConfigurationError
    from actionhero.errors import Conflict as Conflict
    from actionhero.errors import ConnectionTypeNotFound as ConnectionTypeNotFound
    from actionhero.errors import ErrorType as ErrorType
    from actionhero.errors import Forbidden as Forbidden
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
    from actionhero.initializer import Initializer as Initializer
    from actionhero.initializer import RunMode as RunMode
    from actionhero.inputs import Field as Field
    from actionhero.inputs import Inputs as Inputs
    from actionhero.inputs import Secret as Secret
    from actionhero.mark import hookimpl as hookimpl
    from actionhero.middleware import Middleware as Middleware
    from actionhero.server import Server as Server
    from actionhero.session import Session as Session
    from actionhero.session import SessionStore as SessionStore
    from actionhero.settings import Settings as Settings
    from actionhero.streams import Event as Event
    from actionhero.streams import Stream as Stream
    from actionhero.supervisor import Supervisor as Supervisor
    from actionhero.transactions import Transactions as Transactions

_MODULES = {
    "action": ["Action"],
    "app": ["App"],
    "call": ["Call", "Outcome"],
    "connection": ["Connection"],
    "errors": [
        "ActionNotFound",
        "BootError",
        "ChannelRefused",
        "ConfigurationError",
        "Conflict",
        "ConnectionTypeNotFound",
        "ErrorType",
        "Forbidden",
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
    "files": ["File"],
    "mark": ["hookimpl"],
    "initializer": ["Initializer", "RunMode"],
    "inputs": ["Field", "Inputs", "Secret"],
    "middleware": ["Middleware"],
    "server": ["Server"],
    "session": ["Session", "SessionStore"],
    "settings": ["Settings"],
    "streams": ["Event", "Stream"],
    "supervisor": ["Supervisor"],
    "transactions": ["Transactions"],
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    # What an author of actions writes
    "Action",
    "Call",
    "Event",
    "Field",
    "File",
    "Inputs",
    "Middleware",
    "Outcome",
    "Secret",
    "Stream",
    # Who is there, and what is remembered
    "Connection",
    "Session",
    "SessionStore",
    # What a plugin adds
    "App",
    "Initializer",
    "RunMode",
    "Server",
    "Settings",
    "Supervisor",
    "Transactions",
    "hookimpl",
    # Told to the caller
    "ActionNotFound",
    "ChannelRefused",
    "Conflict",
    "ConnectionTypeNotFound",
    "ErrorType",
    "Forbidden",
    "InvalidCredentials",
    "InvalidInput",
    "MalformedRequest",
    "MethodNotAllowed",
    "NotFound",
    "Problem",
    "RateLimited",
    "RequestTooLarge",
    "ServiceUnavailable",
    "SignInRequired",
    "Timeout",
    "TypedError",
    "UnsupportedMediaType",
    # Told to the developer
    "BootError",
    "ConfigurationError",
    "LifecycleError",
    "PluginError",
    "UnavailableError",
    "__version__",
]


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"actionhero.{module}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
