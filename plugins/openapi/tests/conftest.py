"""Applications loaded for their document, and started as processes."""

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
from actionhero_openapi.document import openapi_document
from actionhero_redis import plugin as redis_plugin
from actionhero_sessions import plugin as sessions_plugin
from actionhero_web import plugin as web_plugin

HERE = Path(__file__).parent
#: The timeout for starting and stopping a process.
WAIT_SECONDS = 60.0

Document = dict[str, Any]
LoadApp = Callable[..., App]
DocumentOf = Callable[..., Document]

#: The environment variables of the served applications.
APPLICATIONS: dict[str, dict[str, str]] = {
    "specimen": {
        "ACTIONHERO_APP__PACKAGE": "specimen",
        "ACTIONHERO_PLUGINS__ENABLED": "openapi,redis,sessions,web",
    },
}
if importlib.util.find_spec("actionhero_chat") is not None:
    APPLICATIONS["chat"] = {
        # Fast password hashes.
        "ACTIONHERO_AUTH__ARGON2_MEMORY_KIB": "64",
        "ACTIONHERO_AUTH__ARGON2_PASSES": "1",
        # Thousands of generated requests would be refused, and the sign-ups of the tests, too.
        "ACTIONHERO_LIMITS__ENABLED": "false",
    }
    if importlib.util.find_spec("actionhero_sse") is not None:
        # Generated requests would wait for the end of its streams.
        APPLICATIONS["chat"]["ACTIONHERO_PLUGINS__DISABLED"] = "sse"


@dataclass(frozen=True)
class Served:
    """A started server process."""

    application: str
    error_format: str
    port: int
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def origin(self) -> str:
        """The origin of its URLs."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_text(self) -> str:
        """The log of the process."""
        return self.log.read_text(errors="replace")


Serve = Callable[[str, str], Served]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run tests with these fixtures for each application, and each error format."""
    if "application" in metafunc.fixturenames:
        metafunc.parametrize("application", list(APPLICATIONS))
    if "error_format" in metafunc.fixturenames:
        metafunc.parametrize("error_format", ["standard", "actionhero"])


@pytest.fixture
def load_app(tmp_path: Path) -> LoadApp:
    """Return a function that loads an application from actions, plugins and variables."""

    def load(*parts: Any, **environ: str) -> App:
        actions = [part for part in parts if isinstance(part, type)]

        class Actions:
            @hookimpl
            def actionhero_actions(self) -> list[type[Action]]:
                return actions

        plugins = [web_plugin, redis_plugin, sessions_plugin, openapi_plugin, Actions()]
        plugins += [part for part in parts if not isinstance(part, type)]
        app = App.from_plugins(plugins, read_sources(tmp_path, environ=environ), RunMode.CLI)
        app.raise_for_problems()
        return app

    return load


@pytest.fixture
def document_of(load_app: LoadApp) -> DocumentOf:
    """Return a function that returns the document of an application."""

    def document(*parts: Any, **environ: str) -> Document:
        return openapi_document(load_app(*parts, **environ)).to_dict()

    return document


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serve]:
    """Return a function that starts an application in an error format, once."""
    running: dict[tuple[str, str], Served] = {}

    def start(application: str, error_format: str) -> Served:
        key = (application, error_format)
        if key not in running:
            running[key] = _start(application, error_format, tmp_path_factory.mktemp("served"))
        served = running[key]
        assert served.process.poll() is None, served.log_text
        return served

    yield start
    for served in running.values():
        served.process.send_signal(signal.SIGTERM)
    for served in running.values():
        try:
            served.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            served.process.kill()
            served.process.wait()


@pytest.fixture(scope="session")
def environment() -> Callable[..., dict[str, str]]:
    """Return a function that returns the environment of an application's process."""
    return _environment


def _environment(application: str, data: Path, **more: str) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": str(HERE),
        "ACTIONHERO_APP__DATA_DIR": str(data),
        "ACTIONHERO_REDIS__MODE": "memory",
        "ACTIONHERO_LOGS__LEVEL": "warn",
        **APPLICATIONS[application],
        **more,
    }


def _start(application: str, error_format: str, folder: Path) -> Served:
    variables: Mapping[str, str] = _environment(
        application, folder / "data", ACTIONHERO_WEB__ERROR_FORMAT=error_format
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
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        match = re.search(r"ActionHero listens on http://[^:]+:(\d+)", log.read_text())
        if match is not None:
            return Served(application, error_format, int(match[1]), process, log)
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            pytest.fail(f"the server did not start: {log.read_text()}")
        # The process reports its port in the log.
        time.sleep(0.01)
