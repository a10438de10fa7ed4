"""`actionhero worker --reload`: processes that restart when code or settings change."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from actionhero_tasks.job import JobState

if TYPE_CHECKING:
    from pathlib import Path

    from plugins.tasks.tests.processes.conftest import Deployment

pytestmark = [pytest.mark.platform("linux"), pytest.mark.timeout(240)]

GREETING = """

class Greet(Action):
    name = "greet"

    async def run(self) -> str:
        note("greet")
        return "GREETING"
"""


class Source:
    """The source of the application, which is changed as an editor does it."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "sample_app.py"
        self._actions = self._path.read_text()

    def write(self, text: str) -> None:
        """Replace the file by the actions of every test, and more."""
        new = self._path.with_suffix(".new")
        new.write_text(self._actions + text)
        new.replace(self._path)


@pytest.fixture
def source(deployment: Deployment) -> Source:
    return Source(deployment.folder)


def greet(deployment: Deployment) -> str:
    """Run a job, and return its result."""
    id = deployment.enqueue("greet")
    deployment.wait_for_state(id, JobState.DONE)
    return deployment.run("job", "result", id).stdout.strip()


def wait_for_log(deployment: Deployment, text: str) -> None:
    """Wait for a text in the log."""
    log = deployment.folder / "log"
    deployment.until(lambda: text in log.read_text(), text)


def test_a_code_change_is_loaded(deployment: Deployment, source: Source) -> None:
    """Also with several processes, whose other jobs finish first."""
    source.write(GREETING.replace("GREETING", "hello"))
    parent = deployment.start("worker", "--reload", "--processes", "2")
    before = greet(deployment)
    id = deployment.enqueue("wait", "--name", "go")
    deployment.wait_for("begin go")

    source.write(GREETING.replace("GREETING", "good morning"))
    wait_for_log(deployment, "sample_app.py changed")
    (deployment.folder / "go").touch()
    deployment.wait_for_state(id, JobState.DONE)
    old = deployment.pid_of("greet")
    deployment.until(lambda: old not in deployment.children(parent), "the old process has ended")
    deployment.until(lambda: greet(deployment) == '"good morning"', "the new code runs")
    deployment.until(lambda: len(deployment.children(parent)) == 2, "two processes run")
    parent.send_signal(signal.SIGTERM)

    assert before == '"hello"'
    assert [line.rpartition(" ")[0] for line in deployment.journal()].count("begin go") == 1
    assert parent.wait() == 0


def test_a_syntax_error_is_recoverable(deployment: Deployment, source: Source) -> None:
    """At the start of the command, and later."""
    source.write("\ndef (\n")
    parent = deployment.start("worker", "--reload")
    wait_for_log(deployment, "a worker exited with code 78; waiting for a change")

    source.write(GREETING.replace("GREETING", "hello"))
    first = greet(deployment)
    (deployment.folder / "log").write_text("")
    source.write("\ndef (\n")
    wait_for_log(deployment, "a worker exited with code 78; waiting for a change")
    source.write(GREETING.replace("GREETING", "good evening"))
    second = greet(deployment)
    parent.send_signal(signal.SIGTERM)

    assert (first, second) == ('"hello"', '"good evening"')
    assert parent.wait() == 0


def test_changed_settings_are_reloaded(deployment: Deployment, source: Source) -> None:
    """The new process has the new settings."""
    settings = deployment.folder / "actionhero.toml"
    settings.write_text('tasks.queues = ["mail"]\n')
    deployment.start("worker", "--reload")
    wait_for_log(deployment, "running jobs from mail")

    settings.write_text('tasks.queues = ["reports"]\n')

    wait_for_log(deployment, "running jobs from reports")


def test_a_stop_ends_a_worker_that_waits_for_a_change(
    deployment: Deployment, source: Source
) -> None:
    """With 0."""
    source.write("\ndef (\n")
    parent = deployment.start("worker", "--reload")
    wait_for_log(deployment, "a worker exited with code 78; waiting for a change")

    os.killpg(parent.pid, signal.SIGINT)

    assert parent.wait() == 0


def test_without_watchfiles_the_error_names_the_extra(deployment: Deployment) -> None:
    """The error names the package to install."""
    hidden = deployment.folder / "watchfiles"
    hidden.mkdir()
    (hidden / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'watchfiles'\", name='watchfiles')\n"
    )

    process = deployment.run("worker", "--reload")

    assert process.returncode == 78
    assert (
        "tasks.reload (--reload) needs watchfiles, which is not installed; install "
        "actionhero-tasks[reload], or disable tasks.reload"
    ) in process.stderr


def test_the_doctor_warns_of_reloading_in_production(deployment: Deployment) -> None:
    """With `--deploy`."""
    deployment.environ |= {"ACTIONHERO_TASKS__RELOAD": "true"}

    process = deployment.run("doctor", "--deploy")

    assert "tasks.reload" in process.stdout
    assert "is enabled; use it in development only" in process.stdout
