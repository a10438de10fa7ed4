"""Unexpected exceptions outside of the calls of tools are reported."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

import actionhero_mcp.plugin
import actionhero_web.plugin
from actionhero import ExceptionReport, ExceptionReporter, hookimpl
from actionhero.testing import running_app
from actionhero_mcp.catalog import catalog_for
from actionhero_mcp.jsonrpc import RpcError
from actionhero_mcp.service import McpService


class Recorder(ExceptionReporter):
    def __init__(self) -> None:
        self.reports: list[ExceptionReport] = []

    def report(self, report: ExceptionReport) -> None:
        self.reports.append(report)

    @hookimpl
    def actionhero_exception_reporters(self) -> list[ExceptionReporter]:
        return [self]


async def test_an_exception_of_a_method_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client receives an error without its text."""

    async def fail(*_: Any) -> bytes:
        raise ValueError("of the catalog")

    recorder = Recorder()
    async with running_app(actionhero_web.plugin, actionhero_mcp.plugin, recorder) as app:
        service = McpService(app.app, catalog_for(app.app))
        monkeypatch.setattr(service.dispatcher, "dispatch", fail)
        request: Any = SimpleNamespace(method="tools/list")
        with pytest.raises(RpcError) as caught:
            await service.dispatch(request, SimpleNamespace())  # type: ignore[arg-type]

    [report] = recorder.reports
    assert "of the catalog" not in str(caught.value)
    assert str(report.exception) == "of the catalog"
    assert (report.operation, report.transport) == ("the method 'tools/list'", "mcp")
