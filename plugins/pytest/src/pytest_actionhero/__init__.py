"""Pytest fixtures for applications, and contract suites for servers and session stores.

`ServerContract` is the suite for servers, `SessionStoreContract` for session stores, and
`AuditSinkContract` for sinks of the audit log. The fixtures are in `plugin.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from pytest_actionhero.audit_sink_contract import AuditSinkContract as AuditSinkContract
    from pytest_actionhero.cli_caller import CliCaller as CliCaller
    from pytest_actionhero.http_caller import HttpCaller as HttpCaller
    from pytest_actionhero.job_queue import JobQueue as JobQueue
    from pytest_actionhero.server_contract import ServerContract as ServerContract
    from pytest_actionhero.server_contract import TransportContract as TransportContract
    from pytest_actionhero.session_store_contract import (
        SessionStoreContract as SessionStoreContract,
    )
    from pytest_actionhero.task_caller import TaskCaller as TaskCaller
    from pytest_actionhero.transport_client import CallFailure as CallFailure
    from pytest_actionhero.transport_client import CallResult as CallResult
    from pytest_actionhero.transport_client import TransportClient as TransportClient
    from pytest_actionhero.websocket_caller import WebSocketCaller as WebSocketCaller

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".audit_sink_contract": ["AuditSinkContract"],
        ".cli_caller": ["CliCaller"],
        ".http_caller": ["HttpCaller"],
        ".job_queue": ["JobQueue"],
        ".server_contract": ["ServerContract", "TransportContract"],
        ".session_store_contract": ["SessionStoreContract"],
        ".task_caller": ["TaskCaller"],
        ".transport_client": ["CallFailure", "CallResult", "TransportClient"],
        ".websocket_caller": ["WebSocketCaller"],
    },
)
