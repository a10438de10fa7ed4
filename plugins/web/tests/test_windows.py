"""On Windows, the HTTP server does not start, and the error contains the alternatives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from actionhero import App, RunMode
from actionhero.settings.sources import read_sources
from actionhero_web import plugin

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("platform", "mode", "is_refused"),
    [
        ("win32", RunMode.SERVER, True),
        ("win32", RunMode.CLI, False),
        ("linux", RunMode.SERVER, False),
        ("darwin", RunMode.SERVER, False),
    ],
)
def test_a_server_is_refused_on_windows_only(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    platform: str,
    mode: RunMode,
    is_refused: bool,
) -> None:
    """The command line works there."""
    monkeypatch.setattr(sys, "platform", platform)
    app = App.from_plugins([plugin], read_sources(tmp_path, environ={}), mode)

    problems = [problem for problem in app.problems if "Windows" in problem]

    assert len(problems) == is_refused
    for problem in problems:
        assert "use WSL 2 or a container, or call actions with: actionhero call" in problem
        assert app.servers == []
