"""Fixtures of pytest for applications of ActionHero, and suites to inherit.

`SessionStoreContract` is what an author of a session store imports; `ServerContract` is in
`actionhero.testing`. The fixtures are in `plugin.py`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_actionhero.cli_caller import CliCaller as CliCaller
    from pytest_actionhero.http_caller import HttpCaller as HttpCaller
    from pytest_actionhero.job_queue import JobQueue as JobQueue
    from pytest_actionhero.session_store_contract import (
        SessionStoreContract as SessionStoreContract,
    )
    from pytest_actionhero.task_caller import TaskCaller as TaskCaller
    from pytest_actionhero.websocket_caller import WebSocketCaller as WebSocketCaller

__all__ = [
    "CliCaller",
    "HttpCaller",
    "JobQueue",
    "SessionStoreContract",
    "TaskCaller",
    "WebSocketCaller",
]

_HOME = {
    "CliCaller": "cli_caller",
    "HttpCaller": "http_caller",
    "JobQueue": "job_queue",
    "SessionStoreContract": "session_store_contract",
    "TaskCaller": "task_caller",
    "WebSocketCaller": "websocket_caller",
}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'pytest_actionhero' has no attribute {name!r}")
    return getattr(importlib.import_module(f"pytest_actionhero.{module}"), name)
