"""The fixtures around every test detect leaked resources, and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run_tests(
    folder: Path, tests: str, *options: str, ci: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run the module `tests` with the conftest and the settings of the workspace."""
    shutil.copy(ROOT / "conftest.py", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    heading = "from __future__ import annotations\nimport asyncio, os, socket, pytest\nKEPT = []\n"
    (folder / "test_it.py").write_text(heading + tests, encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, "test_it.py"],
        cwd=folder,
        env={**os.environ, "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("test", "complaint"),
    [
        (
            "def test_it(): os.environ['LEFT'] = '1'",
            "the test changed environment variables: LEFT",
        ),
        (
            "def test_it(): KEPT.append(socket.create_server(('127.0.0.1', 0)))",
            "the test left listening sockets open: tcp 0100007F:",
        ),
        (
            "async def test_it(): KEPT.append(await asyncio.start_server(print, '127.0.0.1', 0))",
            "the test left listening sockets open: tcp 0100007F:",
        ),
        (
            "async def test_it(): KEPT.append(asyncio.create_task(asyncio.sleep(60)))",
            "the test left tasks running: <Task pending",
        ),
    ],
    ids=["variable", "socket", "server", "task"],
)
def test_a_leak_fails_the_test_that_caused_it(tmp_path: Path, test: str, complaint: str) -> None:
    """The failure is reported for the test with the leak, and not for a later one."""
    run = run_tests(tmp_path, test)

    assert run.returncode == 1
    assert complaint in run.stdout


def test_a_test_without_leaks_passes(tmp_path: Path) -> None:
    """Variables of monkeypatch, closed servers, and tasks of fixtures are no leaks."""
    run = run_tests(
        tmp_path,
        """
@pytest.fixture
async def ticking():
    task = asyncio.create_task(asyncio.sleep(60))
    yield
    task.cancel()

@pytest.fixture(scope="module")
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server

def test_variable(monkeypatch): monkeypatch.setenv("SET", "1")
def test_closed(): socket.create_server(("127.0.0.1", 0)).close()
def test_held_by_a_wider_fixture(listening): pass
async def test_cancelled(): asyncio.create_task(asyncio.sleep(60)).cancel()
async def test_task_of_a_fixture(ticking): pass
""",
    )

    assert run.returncode == 0, run.stdout
    assert "5 passed" in run.stdout


def test_workers_detect_leaks_like_one_process(tmp_path: Path) -> None:
    """A leak in one worker is reported for its test, and for none of another worker."""
    run = run_tests(
        tmp_path,
        """
@pytest.mark.parametrize("number", range(20))
def test_leaves(number): KEPT.append(socket.create_server(("127.0.0.1", 0)))
@pytest.mark.parametrize("number", range(20))
def test_tidies(number): socket.create_server(("127.0.0.1", 0)).close()
""",
        "--numprocesses=2",
        "--dist=worksteal",
    )

    assert run.returncode == 1
    assert "the test left listening sockets open: tcp 0100007F:" in run.stdout
    assert "ERROR at teardown of test_tidies" not in run.stdout
    assert "40 passed, 20 errors" in run.stdout


def test_a_worker_reports_text_that_is_not_valid_utf8(tmp_path: Path) -> None:
    """Lone surrogates are escaped, in failures, logs and output."""
    run = run_tests(
        tmp_path,
        r"""
import logging
def test_logs(): logging.getLogger("it").warning("\ud800")
def test_fails(): pytest.fail("half: \ud800")
""",
        "--numprocesses=1",
    )

    assert run.returncode == 1
    assert r"Failed: half: \ud800" in run.stdout
    assert "1 failed, 1 passed" in run.stdout


SKIPPED = "def test_it(program): program('nonesuch')"


def test_a_missing_program_skips_the_test_with_a_reason(tmp_path: Path) -> None:
    """All other tests run, and the report lists the skipped ones."""
    run = run_tests(tmp_path, SKIPPED)

    assert run.returncode == 0, run.stdout
    assert "the program 'nonesuch' is not on PATH" in run.stdout
    assert "1 skipped" in run.stdout


@pytest.mark.parametrize(
    "test", [SKIPPED, "@pytest.mark.skip(reason='later')\ndef test_it(): pass"]
)
def test_in_ci_a_skip_is_a_failure(tmp_path: Path, test: str) -> None:
    """CI has all programs, so a test that is skipped there runs nowhere."""
    run = run_tests(tmp_path, test, ci="true")

    assert run.returncode == 1
    assert "A skip is a failure in CI: install the missing program there." in run.stdout


def test_in_ci_a_module_that_skips_itself_is_a_failure(tmp_path: Path) -> None:
    """A skipped file is a failure like a skipped test."""
    run = run_tests(tmp_path, "pytest.importorskip('nonesuch')", ci="true")

    assert run.returncode == 2
    assert "A skip is a failure in CI" in run.stdout


def test_tests_of_another_platform_are_skipped_in_ci_too(tmp_path: Path) -> None:
    """A machine has one platform."""
    run = run_tests(
        tmp_path, "@pytest.mark.platform('nonesuch')\ndef test_it(): assert False", ci="true"
    )

    assert run.returncode == 0, run.stdout
    assert "only for nonesuch" in run.stdout
