"""Logs: one line per call, formatters, and the configuration of logging."""

from __future__ import annotations

from actionhero.logs.calls import CallLog, call_log, context_facts, request_id
from actionhero.logs.configuration import add_facts, configure, shutdown
from actionhero.logs.taps import add_tap

__all__ = [
    "CallLog",
    "add_facts",
    "add_tap",
    "call_log",
    "configure",
    "context_facts",
    "request_id",
    "shutdown",
]
