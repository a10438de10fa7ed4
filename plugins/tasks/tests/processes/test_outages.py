"""The server of the store cannot be reached for longer than a lease, while all workers are full."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from actionhero_tasks.job import JobState

if TYPE_CHECKING:
    from plugins.tasks.tests.processes.conftest import Deployment

pytestmark = [pytest.mark.platform("linux"), pytest.mark.timeout(300)]

#: One and a half leases.
OUTAGE_SECONDS = 15.0


@pytest.mark.parametrize("how", ["killed", "stopped"])
@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.soak)])
@pytest.mark.parametrize(
    "store", ["redis", "postgres", pytest.param("rabbitmq", marks=pytest.mark.soak)]
)
def test_no_running_job_begins_again_after_an_outage(
    request: pytest.FixtureRequest, how: str, times: int, store: str
) -> None:
    """No worker was killed: none is taken for dead because the store was silent."""
    deployment: Deployment = request.getfixturevalue(f"{store}_deployment")
    server = deployment.server
    assert server is not None
    deployment.environ = {"ACTIONHERO_TASKS__CONCURRENCY": "3"}
    workers = [deployment.start("worker"), deployment.start("worker", "--processes", "2")]
    ids = [deployment.enqueue("wait", "--name", f"go-{number}") for number in range(9)]
    deployment.wait_for(*(f"begin go-{number} " for number in range(9)))

    for _ in range(times):
        if how == "killed":
            server.kill()
        else:
            server.pause()
        time.sleep(OUTAGE_SECONDS)
        if how == "killed":
            server.start()
        else:
            server.resume()
        # All workers have swept more than once.
        time.sleep(5)
    for number in range(9):
        (deployment.folder / f"go-{number}").touch()
    jobs = [deployment.wait_for_state(id, JobState.DONE) for id in ids]

    begins = Counter(line.split()[1] for line in deployment.journal() if line.startswith("begin"))
    assert begins == {f"go-{number}": 1 for number in range(9)}
    assert [job.attempts for job in jobs] == [0] * 9
    for worker in workers:
        worker.terminate()
        assert worker.wait(60) == 0
