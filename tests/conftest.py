"""Fixtures of the tests of the whole workspace: wheels, and a folder to run commands in."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent

#: The path of the program `uv`: next to the interpreter, or on PATH.
UV: Final = shutil.which(
    "uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)

#: How long a command may take before the test fails.
TIMEOUT_SECONDS: Final = 60.0


@pytest.fixture(scope="session")
def workspace() -> Path:
    """Return the root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the wheel of every package.

    nox builds them and passes the folder in `WHEEL_FOLDER`. Without nox they are built here.
    """
    if folder_name := os.environ.get("WHEEL_FOLDER"):
        return Path(folder_name)
    if UV is None:
        pytest.skip("building the wheels needs the program 'uv'")
    folder = tmp_path_factory.mktemp("wheels")
    for pattern in ("core", "plugins/*", "example-plugins/*"):
        for project in sorted(ROOT.glob(f"{pattern}/pyproject.toml")):
            subprocess.run(
                [UV, "build", "--quiet", "--wheel", "--out-dir", folder, project.parent], check=True
            )
    return folder


@dataclass(frozen=True)
class CompletedCommand:
    """A command that has ended, with its output."""

    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    #: Whether a process that it started is still running.
    left_processes: bool = False


class RunningCommand:
    """A command that was started.

    Args:
        arguments: The arguments of `actionhero`.
        process: The process, which leads a process group of its own.
    """

    def __init__(self, arguments: tuple[str, ...], process: subprocess.Popen[bytes]) -> None:
        self.arguments = arguments
        self.process = process
        self._written = {"stdout": b"", "stderr": b""}
        self._changed = threading.Condition()
        self._readers = []
        for name, stream in (("stdout", process.stdout), ("stderr", process.stderr)):
            assert stream is not None
            reader = threading.Thread(target=self._read, args=(name, stream), daemon=True)
            reader.start()
            self._readers.append(reader)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Return the match of `pattern` as soon as stderr contains it."""
        return self._wait_for(pattern, "stderr")

    def wait_for_output(self, pattern: str) -> re.Match[str]:
        """Return the match of `pattern` as soon as stdout contains it."""
        return self._wait_for(pattern, "stdout")

    def _wait_for(self, pattern: str, stream: str) -> re.Match[str]:
        matches: list[re.Match[str]] = []

        def has_match() -> bool:
            matches[:] = re.finditer(pattern, self._text(stream))
            return bool(matches) or not any(reader.is_alive() for reader in self._readers)

        with self._changed:
            self._changed.wait_for(has_match, TIMEOUT_SECONDS)
        if not matches:
            pytest.fail(f"{self.arguments} did not write {pattern!r}, but:\n{self._text('stderr')}")
        return matches[0]

    def read_stderr(self) -> str:
        """Return what it has written to stderr so far."""
        return self._text("stderr")

    def wait(self) -> CompletedCommand:
        """Wait for the command to end, and return it."""
        try:
            code = self.process.wait(TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.arguments} did not end; stderr:\n{self._text('stderr')}")
        left = self._has_left_processes()
        if left:
            self.kill()
        for reader in self._readers:
            reader.join(TIMEOUT_SECONDS)
        return CompletedCommand(
            self.arguments, code, self._text("stdout"), self._text("stderr"), left
        )

    def stop(self, number: int = signal.SIGTERM) -> CompletedCommand:
        """Send a signal, and wait for the command to end."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """Kill the command with its child processes, and close its pipes."""
        if self.process.poll() is None or self._has_left_processes():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for reader in self._readers:
            reader.join(TIMEOUT_SECONDS)

    def _has_left_processes(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def _text(self, name: str) -> str:
        with self._changed:
            return self._written[name].decode(errors="replace")

    def _read(self, name: str, stream: IO[bytes]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._written[name] += line
                    self._changed.notify_all()
        with self._changed:
            self._changed.notify_all()


@dataclass
class Place:
    """A folder with settings and an application, and plugins installed only for it."""

    folder: Path
    #: The folder that its plugins are installed in.
    site: Path
    #: The enabled plugins, of all that are installed.
    enabled: list[str] = field(default_factory=lambda: ["web", "hello"])
    #: The command line that runs `actionhero`.
    program: tuple[str, ...] = (sys.executable, "-m", "actionhero")
    _running: list[RunningCommand] = field(default_factory=list)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    def install(
        self,
        distribution: str,
        source: str,
        *,
        plugin: str | None = None,
        version: str = "1.0",
        requires: str = "actionhero",
    ) -> Path:
        """Install a distribution with one plugin, as pip would, and enable it.

        Args:
            distribution: Its name, such as `guest-one`.
            source: The text of its `plugin.py`.
            plugin: The name of its plugin; defaults to the name of the distribution.
            version: Its version.
            requires: Its only requirement.

        Returns:
            Its `plugin.py`.
        """
        package = distribution.replace("-", "_")
        plugin = plugin or distribution
        module = self.site / package / "plugin.py"
        metadata = self.site / f"{package}-{version}.dist-info"
        for folder in (module.parent, metadata):
            folder.mkdir(parents=True)
        module.write_text(textwrap.dedent(source), encoding="utf-8")
        (module.parent / "__init__.py").touch()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
            f"Requires-Dist: {requires}\n"
        )
        (metadata / "entry_points.txt").write_text(f"[actionhero]\n{plugin} = {package}.plugin\n")
        (metadata / "RECORD").write_text("")
        if plugin not in self.enabled:
            self.enabled.append(plugin)
        return module

    def start(
        self, *arguments: str, stdin_text: str | None = None, **variables: str
    ) -> RunningCommand:
        """Start `actionhero` in the folder; it is killed after the test if it is still running.

        Args:
            arguments: Its arguments.
            stdin_text: The text that it reads from a pipe; `None`: nothing.
            variables: Variables of its environment.
        """
        inherited = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START")
        environ = {
            **{name: os.environ[name] for name in inherited if name in os.environ},
            **({"PYTHONPATH": str(self.site)} if self.site.exists() else {}),
            # Without the variable, all installed plugins are enabled.
            **({"ACTIONHERO_PLUGINS__ENABLED": ",".join(self.enabled)} if self.enabled else {}),
            # Any free port; without the plugin the setting would be unknown.
            **({"ACTIONHERO_WEB__PORT": "0"} if "web" in self.enabled else {}),
            **variables,
        }
        process = subprocess.Popen(
            [*self.program, *arguments],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL if stdin_text is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        if process.stdin is not None:
            with process.stdin:
                process.stdin.write((stdin_text or "").encode())
        running = RunningCommand(arguments, process)
        self._running.append(running)
        return running

    def run(
        self, *arguments: str, stdin_text: str | None = None, **variables: str
    ) -> CompletedCommand:
        """Run `actionhero` in the folder until it ends; see `start`."""
        return self.start(*arguments, stdin_text=stdin_text, **variables).wait()

    def close(self) -> None:
        """Kill all commands that are still running."""
        for running in self._running:
            running.kill()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Return a folder for `actionhero`, without settings and plugins of its own."""
    folder = tmp_path / "work"
    folder.mkdir()
    place = Place(folder, tmp_path / "site")
    yield place
    place.close()
