"""Applications put together for their document, and started as processes of their own."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from actionhero import Action, App, RunMode, hookimpl
from actionhero.settings.sources import read_sources
from actionhero_openapi import plugin as openapi_plugin
from actionhero_openapi.document import api_of
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

HERE = Path(__file__).parent
#: How long anything may take before the test gives up.
PATIENCE_SECONDS = 60.0

Document = dict[str, Any]
LoadApp = Callable[..., App]
DocumentOf = Callable[..., Document]

#: The applications that are served: what they are made of, as variables of their environment.
APPLICATIONS: dict[str, dict[str, str]] = {
    "specimen": {
        "ACTIONHERO_APP__PACKAGE": "specimen",
        "ACTIONHERO_PLUGINS__ENABLED": "openapi,redis,sessions,web",
    },
}
if importlib.util.find_spec("actionhero_chat") is not None:
    APPLICATIONS["chat"] = {
        # Nobody is to wait for passwords here.
        "ACTIONHERO_CHAT__ARGON2_MEMORY_KIB": "64",
        "ACTIONHERO_CHAT__ARGON2_PASSES": "1",
    }


@dataclass(frozen=True)
class Served:
    """A started process."""

    application: str
    profile: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def origin(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def text_of_log(self) -> str:
        """All that it has said."""
        return self.log.read_text(errors="replace")


Serve = Callable[[str, str], Served]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for an application, or a profile, each of them."""
    if "application" in metafunc.fixturenames:
        metafunc.parametrize("application", list(APPLICATIONS))
    if "profile" in metafunc.fixturenames:
        metafunc.parametrize("profile", ["standard", "actionhero"])


@pytest.fixture
def load_app(tmp_path: Path) -> LoadApp:
    """Give a function that puts together an application of actions, plugins and variables."""

    def load(*parts: Any, **environ: str) -> App:
        actions = [part for part in parts if isinstance(part, type)]

        class Actions:
            @hookimpl
            def actionhero_actions(self) -> list[type[Action]]:
                return actions

        plugins = [web_plugin, redis_plugin, sessions_plugin, openapi_plugin, Actions()]
        plugins += [part for part in parts if not isinstance(part, type)]
        app = App.of(plugins, read_sources(tmp_path, environ=environ), RunMode.CLI)
        app.refuse_problems()
        return app

    return load


@pytest.fixture
def document_of(load_app: LoadApp) -> DocumentOf:
    """Give a function that returns the document of an application."""

    def document(*parts: Any, **environ: str) -> Document:
        return api_of(load_app(*parts, **environ)).document()

    return document


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Give a function that starts an application in a profile, or gives the one that runs."""
    running: dict[tuple[str, str], Served] = {}

    def start(application: str, profile: str) -> Served:
        key = (application, profile)
        if key not in running:
            running[key] = _start(application, profile, tmp_path_factory.mktemp("served"))
        served = running[key]
        assert served.process.poll() is None, served.text_of_log
        return served

    yield start
    for served in running.values():
        served.process.send_signal(signal.SIGTERM)
    for served in running.values():
        try:
            served.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            served.process.kill()
            served.process.wait()


@pytest.fixture(scope="session")
def environment() -> Callable[..., dict[str, str]]:
    """Give a function that returns the variables of a process that has an application."""
    return _environment


def _environment(application: str, data: Path, **more: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(HERE),
        "PYTHONDONTWRITEBYTECODE": "1",
        "ACTIONHERO_APP__DATA_DIR": str(data),
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_LOGS__LEVEL": "warn",
        **APPLICATIONS[application],
        **more,
    }


def _start(application: str, profile: str, folder: Path) -> Served:
    variables: Mapping[str, str] = _environment(
        application, folder / "data", ACTIONHERO_WEB__ERROR_FORMAT=profile
    )
    log = folder / "stderr.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "actionhero", "start", "--port", "0"],
            cwd=folder,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = re.search(r"ActionHero listens on http://[^:]+:(\d+)", log.read_text())
        if found is not None:
            return Served(application, profile, int(found[1]), process, log)
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"the server did not start: {log.read_text()}")
        # The other process says when it is ready, in a file.
        time.sleep(0.01)
