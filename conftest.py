"""Checks around every test: no resources leak, and in CI no test is skipped."""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Generator, Iterator

# As in the noxfile, for tests that are run without nox.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# A busy machine takes longer for an example than any limit.
settings.register_profile("actionhero", deadline=None)
settings.load_profile("actionhero")

#: The number of a listening socket in the `st` column of /proc/net/tcp.
LISTENING = "0A"
#: The flag of a listening socket in the `Flags` column of /proc/net/unix.
ACCEPTS = 0x10000


@pytest.fixture(scope="session")
def program() -> Callable[[str], str]:
    """Return a function that finds a program on PATH, and skips the test if it is missing.

    `.ci/apt-packages.txt` lists the Debian packages of all such programs, so that CI has them.
    """

    def find(name: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"the program {name!r} is not on PATH")
        return path

    return find


@pytest.fixture(scope="session", autouse=True)
def ended_processes(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Kill all processes that tests have left, when this process has ended, by whatever signal.

    Some outlive their process on purpose, such as the private Redis server of a folder.
    """
    if sys.platform != "linux":
        return
    # A folder for temporary files by which `tests/reaper.py` recognizes a process. Short, for Unix
    # sockets; and PostgreSQL, as another user, needs the way to its folder.
    folder = tempfile.mkdtemp(prefix="tests-")
    os.chmod(folder, 0o711)
    base = os.fspath(tmp_path_factory.getbasetemp())
    tempfile.tempdir = os.environ["TMPDIR"] = folder
    program = [sys.executable, "-IS", str(Path(__file__).parent / "tests" / "reaper.py")]
    streams = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in range(3)]
    # A session of its own does not receive the signals of the terminal.
    os.posix_spawn(
        program[0],
        [*program, str(os.getpid()), folder, base],
        {},
        file_actions=streams,
        setsid=True,
    )


@pytest.fixture(autouse=True)
def unchanged_environment() -> Iterator[None]:
    """Fail a test that changes environment variables."""
    before = dict(os.environ)

    yield

    after = dict(os.environ)
    names = {name for name, _ in before.items() ^ after.items()} - {"PYTEST_CURRENT_TEST"}
    for name in names:
        if name in before:
            os.environ[name] = before[name]
        else:
            del os.environ[name]
    if names:
        pytest.fail(f"the test changed environment variables: {', '.join(sorted(names))}")


@pytest.fixture(autouse=True)
def closed_listeners() -> Iterator[None]:
    """Fail a test that leaves a listening socket open.

    Sockets of fixtures with a wider scope exist before the test and do not count. Open connections
    need no check: an unclosed connection warns when it is collected, and warnings are errors.
    """
    before = own_sockets()

    yield

    if listeners(own_sockets() - before):
        # A socket that only waits for the garbage collector is not a leak.
        gc.collect()
        if left := listeners(own_sockets() - before):
            pytest.fail(f"the test left listening sockets open: {', '.join(sorted(left))}")


@pytest.fixture(autouse=True)
def finished_tasks(request: pytest.FixtureRequest) -> None:
    """Fail an asynchronous test that leaves a task running."""
    if request.node.get_closest_marker("asyncio"):
        # Set up before the fixtures of the test, and so finished after them, in the same loop.
        request.getfixturevalue("tasks_of_the_loop")


@pytest.fixture
async def tasks_of_the_loop() -> AsyncIterator[None]:
    """Check the tasks of the event loop after the test."""
    before = asyncio.all_tasks()

    yield

    for _ in range(3):
        # A cancelled task, or one whose last step is due, needs a turn of the loop.
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    if left:
        pytest.fail(f"the test left tasks running: {', '.join(sorted(map(repr, left)))}")


def own_sockets() -> set[str]:
    """Return the inodes of the sockets of this process; empty without /proc."""
    inodes: set[str] = set()
    try:
        descriptors = os.listdir("/proc/self/fd")
    except FileNotFoundError:
        return inodes
    for descriptor in descriptors:
        try:
            target = os.readlink(f"/proc/self/fd/{descriptor}")
        except OSError:  # the descriptor of the listing itself
            continue
        if target.startswith("socket:["):
            inodes.add(target[len("socket:[") : -1])
    return inodes


def listeners(inodes: set[str]) -> set[str]:
    """Return the addresses of the listening sockets among `inodes`, as /proc writes them."""
    addresses: set[str] = set()
    for table in ("tcp", "tcp6", "unix"):
        path = Path(f"/proc/self/net/{table}")
        for line in path.read_text().splitlines()[1:] if inodes and path.exists() else ():
            columns = line.split()
            if table == "unix":
                if columns[6] in inodes and int(columns[3], 16) & ACCEPTS:
                    addresses.add(" ".join(["unix", *columns[7:]]))
            elif columns[9] in inodes and columns[3] == LISTENING:
                addresses.add(f"{table} {columns[1]}")
    return addresses


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect tests without collections of garbage: modules, schemas and tests are no garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that is only for another platform."""
    for marker in item.iter_markers("platform"):
        if not sys.platform.startswith(marker.args[0]):
            pytest.skip(f"only for {marker.args[0]}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI, turn a skip into a failure, unless the test is for another platform."""
    report = yield
    if (
        report.skipped
        and not hasattr(report, "wasxfail")
        and not item.get_closest_marker("platform")
    ):
        fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In CI, turn the skip of a whole module into a failure."""
    report = yield
    if report.skipped:
        fail_in_ci(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """Escape text that a worker cannot send, such as a lone surrogate, in its report."""
    data = yield
    return sendable(data)


def sendable(value: Any) -> Any:
    """Return the parts of a report with all text that is not valid UTF-8 escaped."""
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case dict():
            return {key: sendable(part) for key, part in value.items()}
        case list():
            return [sendable(part) for part in value]
        case tuple():
            return tuple(sendable(part) for part in value)
    return value


def fail_in_ci(report: pytest.TestReport | pytest.CollectReport) -> None:
    """Turn the report of a skip into a failure if `CI` is set."""
    if os.environ.get("CI", "").lower() in {"", "0", "false"}:
        return
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
    report.outcome = "failed"
    report.longrepr = f"{reason}\nA skip is a failure in CI: install the missing program there."
