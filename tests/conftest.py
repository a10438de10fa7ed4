"""What the tests of the whole workspace share."""

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

#: Where the program `uv` is, if it is anywhere: beside us, or on the path.
UV: Final = shutil.which(
    "uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
)

#: How long a command may take before the test gives up.
PATIENCE_SECONDS: Final = 60.0


@pytest.fixture(scope="session")
def workspace() -> Path:
    """Give the root of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def wheel_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with the wheel of every package.

    nox builds them and names the folder in `WHEEL_FOLDER`. Without nox they are built here.
    """
    if built := os.environ.get("WHEEL_FOLDER"):
        return Path(built)
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
class Ended:
    """A command that has ended, and all that it wrote."""

    arguments: tuple[str, ...]
    code: int
    stdout: str
    stderr: str
    #: Whether a process that it started is still there.
    left_processes: bool = False


class Running:
    """A command that was started.

    Args:
        arguments: What stands behind `actionhero`.
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
        """Return the match of a pattern as soon as it stands in stderr."""
        found: list[re.Match[str]] = []

        def is_told() -> bool:
            found[:] = re.finditer(pattern, self._text("stderr"))
            return bool(found) or not any(reader.is_alive() for reader in self._readers)

        with self._changed:
            self._changed.wait_for(is_told, PATIENCE_SECONDS)
        if not found:
            pytest.fail(f"{self.arguments} did not write {pattern!r}, but:\n{self._text('stderr')}")
        return found[0]

    def wait(self) -> Ended:
        """Return what came of it, once it has ended."""
        try:
            code = self.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"{self.arguments} did not end; stderr:\n{self._text('stderr')}")
        left = self._has_left_processes()
        if left:
            self.kill()
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)
        return Ended(self.arguments, code, self._text("stdout"), self._text("stderr"), left)

    def stop(self, number: int = signal.SIGTERM) -> Ended:
        """Send a signal, and return what came of it."""
        self.process.send_signal(number)
        return self.wait()

    def kill(self) -> None:
        """End it now, with all that it started, and close what it wrote to."""
        if self.process.poll() is None or self._has_left_processes():
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        for reader in self._readers:
            reader.join(PATIENCE_SECONDS)

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
    """A folder with settings and an application, and plugins that are installed for it alone."""

    folder: Path
    #: Where its plugins are installed.
    site: Path
    #: The plugins that are switched on, of all that are installed.
    enabled: list[str] = field(default_factory=lambda: ["web", "hello"])
    #: What is run.
    program: tuple[str, ...] = (sys.executable, "-m", "actionhero")
    _running: list[Running] = field(default_factory=list)

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
        """Install a distribution with one plugin, as pip would have left it, and switch it on.

        Args:
            distribution: Its name, such as `guest-one`.
            source: What is written in its `plugin.py`.
            plugin: The name of its plugin; the distribution's where left out.
            version: Its version.
            requires: The one requirement that it has.

        Returns:
            Its `plugin.py`.
        """
        package = distribution.replace("-", "_")
        plugin = plugin or distribution
        module = self.site / package / "plugin.py"
        told = self.site / f"{package}-{version}.dist-info"
        for folder in (module.parent, told):
            folder.mkdir(parents=True)
        module.write_text(textwrap.dedent(source), encoding="utf-8")
        (module.parent / "__init__.py").touch()
        (told / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
            f"Requires-Dist: {requires}\n"
        )
        (told / "entry_points.txt").write_text(f"[actionhero]\n{plugin} = {package}.plugin\n")
        (told / "RECORD").write_text("")
        if plugin not in self.enabled:
            self.enabled.append(plugin)
        return module

    def start(self, *arguments: str, **variables: str) -> Running:
        """Start `actionhero` in the folder; it is killed after the test if it still runs."""
        kept = ("PATH", "HOME", "TMPDIR", "COVERAGE_PROCESS_START")
        environ = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            **({"PYTHONPATH": str(self.site)} if self.site.exists() else {}),
            # Without any it is as if nobody had said anything.
            "ACTIONHERO_PLUGINS__ENABLED": ",".join(self.enabled),
            # Any that is free; nobody asks for one where nobody listens.
            **({"ACTIONHERO_WEB__PORT": "0"} if "web" in self.enabled else {}),
            **variables,
        }
        process = subprocess.Popen(
            [*self.program, *arguments],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        running = Running(arguments, process)
        self._running.append(running)
        return running

    def run(self, *arguments: str, **variables: str) -> Ended:
        """Run `actionhero` in the folder, and return what came of it."""
        return self.start(*arguments, **variables).wait()

    def close(self) -> None:
        """Kill what still runs."""
        for running in self._running:
            running.kill()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """Give a folder for `actionhero`, with no settings and no plugin of its own yet."""
    folder = tmp_path / "work"
    folder.mkdir()
    made = Place(folder, tmp_path / "site")
    yield made
    made.close()
