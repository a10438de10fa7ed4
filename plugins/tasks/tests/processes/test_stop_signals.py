"""Stop signals before an application runs, forked processes, and processes without their parent."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import psutil
import pytest

from actionhero.testing import free_port
from actionhero_tasks.job import JobState

if TYPE_CHECKING:
    import subprocess

    from plugins.tasks.tests.processes.conftest import Deployment

pytestmark = [pytest.mark.platform("linux"), pytest.mark.timeout(240)]

LOADING = """

import time

open("loading", "w").close()
while os.path.exists("hold"):
    time.sleep(0.01)
"""

FORKS = """

import multiprocessing, threading

context = multiprocessing.get_context("fork")


class Pool(Action):
    name = "pool"

    async def run(self) -> list[int]:
        with context.Pool(2) as pool:
            return pool.map(abs, [-1, -2])


def terminated() -> int | None:
    process = context.Process(target=time.sleep, args=[60])
    process.start()
    process.terminate()
    process.join(30)
    code = process.exitcode
    process.kill()
    return code


class Terminate(Action):
    name = "terminate"

    async def run(self) -> list[int | None]:
        return [terminated(), await asyncio.to_thread(terminated)]
"""


def has_ended(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_for_child(deployment: Deployment, parent: subprocess.Popen[str]) -> list[int]:
    """Wait until a process has a child process, and return all."""
    deployment.until(lambda: bool(deployment.children(parent)), "a child process")
    return deployment.children(parent)


@pytest.mark.parametrize("command", ["start", "worker", "scheduler"])
def test_a_stop_signal_during_the_load_is_an_orderly_exit(
    deployment: Deployment, command: str
) -> None:
    """With 143, also as the first process of a container, which must handle the signal."""
    source = deployment.folder / "sample_app.py"
    source.write_text(source.read_text() + LOADING)
    (deployment.folder / "hold").touch()
    process = deployment.start(command)
    deployment.until((deployment.folder / "loading").exists, "loading")

    process.send_signal(signal.SIGTERM)

    assert process.wait(30) == 143


def test_a_stop_signal_while_the_first_worker_loads_is_an_orderly_exit(
    deployment: Deployment,
) -> None:
    """With 0: the parent has started."""
    source = deployment.folder / "sample_app.py"
    parent = deployment.start("worker")
    deployment.until(lambda: bool(deployment.children(parent)), "a child process")
    (deployment.folder / "hold").touch()
    source.write_text(source.read_text() + LOADING)

    parent.send_signal(signal.SIGTERM)

    assert parent.wait(60) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["worker"],
        ["worker", "--processes", "2"],
        ["worker", "--reload"],
        ["start", "--workers", "2"],
        ["start", "--reload"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("moment", ["at once", "running"])
def test_processes_end_with_their_parent(
    deployment: Deployment, arguments: list[str], moment: str
) -> None:
    """Which is killed as soon as they exist, or when they are ready."""
    deployment.environ = {
        "ACTIONHERO_PLUGINS__ENABLED": "tasks,web",
        "ACTIONHERO_WEB__PORT": str(free_port()),
    }
    parent = deployment.start(*arguments)
    children = wait_for_child(deployment, parent)
    if moment == "running":
        deployment.wait_for_state(deployment.enqueue("work"), JobState.DONE)
        children = deployment.children(parent)

    os.kill(parent.pid, signal.SIGKILL)

    deployment.until(lambda: all(map(has_ended, children)), "the processes have ended")


def test_a_process_with_a_blocked_event_loop_ends_after_its_parent(deployment: Deployment) -> None:
    """After its time to shut down: the kernel sends the signal."""
    deployment.environ = {"ACTIONHERO_PROCESS__SHUTDOWN_TIMEOUT": "0.5"}
    parent = deployment.start("worker")
    deployment.enqueue("block", "--name", "x", "--seconds", "120")
    deployment.wait_for("begin x")
    child = deployment.pid_of("begin x")

    os.kill(parent.pid, signal.SIGKILL)

    deployment.until(lambda: has_ended(child), "the process has ended")


@pytest.mark.parametrize("command", ["start", "worker"])
def test_processes_that_an_action_forks_have_default_signals(
    deployment: Deployment, command: str
) -> None:
    """They end by SIGTERM, so that a pool does not wait for them."""
    source = deployment.folder / "sample_app.py"
    source.write_text(source.read_text() + FORKS)
    deployment.start(command)
    ids = [deployment.enqueue("terminate"), deployment.enqueue("pool")]

    for id in ids:
        deployment.wait_for_state(id, JobState.DONE)

    results = [deployment.run("job", "result", id).stdout.strip() for id in ids]
    assert results == ["[-15,-15]", "[1,2]"]
