"""The pages as a reader meets them: what stands in their fences, and who types it in."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from actionhero.testing import free_port

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
#: What a package shows on PyPI.
READMES = sorted(
    path
    for pattern in ("core", "plugins/*", "example-plugins/*")
    for path in ROOT.glob(f"{pattern}/README.md")
)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")), *READMES]
#: Pages whose samples are told by the source, and which have tests of their own.
GENERATED = {path for path in PAGES if path.read_text("utf-8").startswith("<!-- Written by")}
#: Told to who works on the project, and run by CI.
UNPLAYED = {ROOT / "CONTRIBUTING.md", *GENERATED}

FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MARK = re.compile(r"<!-- command: (\w+) -->\n+$")

#: Where programs are found that are not Python's. What is installed beside us is not for readers.
OTHER_PROGRAMS = [
    folder
    for folder in os.environ["PATH"].split(os.pathsep)
    if Path(folder) != Path(sys.executable).parent
]
UV = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), *OTHER_PROGRAMS]))

START_SECONDS = 30.0


@dataclass(frozen=True)
class Block:
    """What stands in one fence of a page."""

    page: Path
    line: int
    language: str
    #: The name of the file that the reader makes of it.
    title: str | None
    text: str
    #: The name by which CI finds a command of the README.
    mark: str | None = None

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    """Return what stands in the fences of a page."""
    text = page.read_text("utf-8")
    found = []
    for match in FENCE.finditer(text):
        before = text[: match.start()]
        mark = MARK.search(before)
        line = before.count("\n") + 1
        name = mark[1] if mark else None
        found.append(Block(page, line, match[1], match[2], match[3], name))
    return found


BLOCKS = [block for page in PAGES for block in blocks_of(page)]
#: The pages that go on from one another, in the order in which they are read.
TUTORIAL = tuple(
    DOCS / "tutorial" / f"{name}.md" for name in ("index", "database", "live", "nightly")
)
PLAYED = [
    page
    for page in PAGES
    if page not in UNPLAYED
    and page not in TUTORIAL
    and any(block.language in {"console", "python"} and not block.mark for block in blocks_of(page))
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that asks for a page or a block each of them."""
    if "page" in metafunc.fixturenames:
        metafunc.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
    if "played" in metafunc.fixturenames:
        metafunc.parametrize("played", PLAYED, ids=lambda page: str(page.relative_to(ROOT)))
    if "block" in metafunc.fixturenames:
        metafunc.parametrize("block", BLOCKS, ids=str)


class Reader:
    """Somebody who goes through a page, makes its files and types in its commands.

    Args:
        folder: Where they work: empty.
        programs: The programs of an environment in which they may have installed things already.
        wheels: The packages that they would find on PyPI.
    """

    def __init__(self, folder: Path, programs: Path, wheels: Path) -> None:
        self.folder = folder / "project"
        self.folder.mkdir()
        self._wheels = wheels
        self._home = folder
        # A person sees no meter where curl writes to a terminal.
        (folder / ".curlrc").write_text("silent\nshow-error\n", encoding="utf-8")
        self._bin = programs
        self._port = free_port()
        self._status = 0
        self._started = ("", "", "")
        self._server: subprocess.Popen[bytes] | None = None

    def play(self, blocks: Iterable[Block]) -> None:
        """Do what a page shows: make its files, type in its commands, run its samples, in order."""
        for block in blocks:
            if block.mark is not None:
                continue  # CI runs these, and so `.ci/readme-command` finds them.
            if block.title is not None:
                self.make(block)
            elif block.language == "python":
                self.run(block)
            elif block.language == "console":
                self.type_in(block)

    @property
    def url(self) -> str:
        """Where the server is that was started last."""
        return f"http://127.0.0.1:{self._port}"

    def make(self, block: Block) -> None:
        """Write the file that a block shows."""
        assert block.title is not None
        path = self.folder / block.title
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._typed(block.text), encoding="utf-8")

    def run(self, block: Block) -> None:
        """Run a Python sample, and the tests in it."""
        path = self.folder / f"sample_at_line_{block.line}.py"
        path.write_text(block.text, encoding="utf-8")
        arguments = [str(path)]
        if re.search(r"^(async )?def test_", block.text, re.MULTILINE):
            arguments = ["-m", "pytest", "-q", "-p", "no:cacheprovider"]
            arguments += ["-o", "asyncio_mode=auto", "-o", "filterwarnings=error"]
            arguments += ["-o", "asyncio_default_fixture_loop_scope=function", str(path)]
        run = subprocess.run(
            [self._bin / "python", *arguments],
            cwd=self.folder,
            env=self._environ(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, f"{block}: {run.stdout}{run.stderr}"

    def type_in(self, block: Block) -> None:
        """Type in the commands of a block, and compare what comes with what is shown."""
        commands = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
        assert commands[0] == "", f"{block}: the first line is no command"
        for number, part in enumerate(commands[1:], 1):
            command, _, shown = part.partition("\n")
            asks_for_status = "".join(commands[number + 1 : number + 2]).startswith("echo $?")
            where = f"{block}: $ {command}"
            if is_server(command):
                self._start(command, shown, where)
                continue
            output = self._execute(command)
            # What fails is shown to fail, by asking for the exit code.
            assert self._status == 0 or asks_for_status, f"{where}\n{output}"
            assert fits(shown, output), f"{where}\nshown:\n{shown}\nwritten:\n{output}"

    def leave(self) -> None:
        """Stop the server that still runs."""
        if self._server is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._server.pid, signal.SIGTERM)
        try:
            self._server.wait(timeout=20)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
        self._server = None

    def _execute(self, command: str) -> str:
        if command == "source .venv/bin/activate":
            self._bin = self.folder / ".venv" / "bin"
            assert (self._bin / "activate").is_file()
            return ""
        if command.startswith("pip install ") and not (self.folder / ".venv").exists():
            self._begin_environment()
        if command.startswith("cd "):
            self.folder = (self.folder / command.removeprefix("cd ")).resolve()
            assert self.folder.is_dir()
            return ""
        run = subprocess.run(
            ["bash", "-c", f"(exit {self._status})\n{self._translated(self._typed(command))}"],
            cwd=self.folder,
            env=self._environ(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=100,
            check=False,
        )
        self._status = run.returncode
        return run.stdout.replace(str(self._port), "8080")

    def start_again(self) -> None:
        """Stop the server that was started last, and start it again."""
        self._start(*self._started)

    def _begin_environment(self) -> None:
        """Make an environment: a page that does not tell how takes for granted that it is there."""
        python = self.folder / ".venv" / "bin" / "python"
        for arguments in (
            ["venv", "--python", sys.executable, str(self.folder / ".venv")],
            ["pip", "install", "--python", str(python), "pytest", "pytest-asyncio"],
        ):
            subprocess.run([str(UV), *arguments, "--quiet", "--no-config"], check=True)
        self._bin = python.parent

    def _start(self, command: str, shown: str, where: str) -> None:
        self.leave()
        self._started = command, shown, where
        log = self._home / "server.log"
        with log.open("wb") as output:
            self._server = subprocess.Popen(
                ["bash", "-c", f"exec env {self._typed(command)}"],
                cwd=self.folder,
                env={**self._environ(), "PORT": str(self._port)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        end = time.monotonic() + START_SECONDS
        while True:
            written = log.read_text("utf-8").replace(str(self._port), "8080")
            if "--host 0.0.0.0" in command:
                written = written.replace("//127.0.0.1", "//localhost")
            if self._listens(command) and fits(f"…{shown}…", written):
                return
            running = self._server.poll() is None and time.monotonic() < end
            assert running, f"{where}\nshown:\n{shown}\nwritten:\n{written}"
            time.sleep(0.02)

    def _listens(self, command: str) -> bool:
        if " worker" in command:
            return True  # It goes and gets its jobs; what it says tells that it runs.
        with socket.socket(socket.AF_UNIX) as one, socket.socket() as other:
            try:
                if path := re.search(r"--unix-socket (\S+)", command):
                    one.connect(str(self.folder / path[1]))
                else:
                    other.connect(("127.0.0.1", self._port))
            except OSError:
                return False
        return True

    def _typed(self, text: str) -> str:
        """Return what is shown, with a port that is free, and nothing open to the network."""
        return text.replace("8080", str(self._port)).replace("--host 0.0.0.0", "--host 127.0.0.1")

    def _translated(self, command: str) -> str:
        """Return what does the same with uv: faster, and with our own packages."""
        python = self.folder / ".venv" / "bin" / "python"
        command = re.sub(
            r"^python3 -m venv (\S+)$", rf"{UV} venv -q --python '{sys.executable}' \1", command
        )
        overrides = overrides_in(self._home, self._wheels)
        install = f"{UV} pip install -q --python '{python}' --overrides '{overrides}' "
        command = re.sub(r"^pip install ", install, command)
        return re.sub(r"^pip wheel --no-deps --wheel-dir ", f"{UV} build -q --wheel -o ", command)

    def _environ(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if name.startswith(("UV_", "PIP_", "SSL_")) or name.lower().endswith("_proxy")
        }
        cache = kept.get("UV_CACHE_DIR") or str(Path.home() / ".cache" / "uv")
        return {
            **kept,
            "PATH": os.pathsep.join([str(self._bin), *OTHER_PROGRAMS]),
            "HOME": str(self._home),
            "LANG": "C.UTF-8",
            "UV_CACHE_DIR": cache,
            "UV_NO_CONFIG": "1",
            "COLUMNS": "200",
        }


def overrides_in(folder: Path, wheels: Path) -> Path:
    """Write that our packages are those that were built, whatever PyPI has of their name."""
    path = folder / "overrides.txt"
    names = {wheel: wheel.name.split("-")[0].replace("_", "-") for wheel in wheels.glob("*.whl")}
    lines = (f"{name} @ {wheel.as_uri()}\n" for wheel, name in names.items())
    path.write_text("".join(lines), encoding="utf-8")
    return path


def is_server(command: str) -> bool:
    """Whether a command goes on until it is told to stop."""
    return bool(
        re.search(r"\bactionhero\b.* (start|worker)\b|^gunicorn |^python main\.py", command)
    )


def fits(shown: str, written: str) -> bool:
    """Whether `written` is what is shown; `…` stands for anything, and spacing is free."""
    words = re.split(r"(…|\s+)", shown.strip())
    pattern = "".join(
        ".*" if word == "…" else r"\s+" if word.isspace() else re.escape(word)
        for word in words
        if word
    )
    pattern = re.sub(r"(?:\.\*|\\s\+)*\.\*(?:\.\*|\\s\+)*", ".*", pattern)
    return re.fullmatch(pattern, written.strip(), re.DOTALL) is not None


@pytest.fixture(scope="session")
def blocks() -> dict[Path, list[Block]]:
    """Give what stands in the fences of each page, in order."""
    return {page: blocks_of(page) for page in PAGES}


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory, wheel_folder: Path) -> Path:
    """Give the programs of an environment with what the pages have in hand, and no more."""
    if UV is None:
        pytest.skip("there is no program 'uv' on PATH")
    folder = tmp_path_factory.mktemp("environment")
    wheels = {wheel.name.partition("-")[0]: wheel.as_uri() for wheel in wheel_folder.glob("*.whl")}
    wanted = [
        f"actionhero @ {wheels['actionhero']}",
        f"actionhero-web[workers,reload] @ {wheels['actionhero_web']}",
        f"actionhero-hello @ {wheels['actionhero_hello']}",
        "pytest",
        "pytest-asyncio",
    ]
    python = str(folder / "bin" / "python")
    for arguments in (
        ["venv", "--allow-existing", "--python", sys.executable, str(folder)],
        ["pip", "install", "--python", python, *wanted],
    ):
        subprocess.run([UV, *arguments, "--quiet", "--no-config"], check=True)
    return folder / "bin"


@pytest.fixture
def reader(tmp_path: Path, programs: Path, wheel_folder: Path) -> Iterator[Reader]:
    """Give somebody with an empty folder."""
    someone = Reader(tmp_path, programs, wheel_folder)
    yield someone
    someone.leave()
