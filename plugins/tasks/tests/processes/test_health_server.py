"""A platform asks whether workers live, and whether they are of use."""

from __future__ import annotations

import json
import os
import signal
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from actionhero.testing import free_port

if TYPE_CHECKING:
    from plugins.tasks.tests.processes.conftest import Deployment


def ask(port: int, path: str) -> tuple[int, Any]:
    """Return the status and the answer; 0 if nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text else None
    except OSError:
        return 0, None


def test_a_worker_is_ready_while_its_store_answers_and_live_all_the_time(
    redis_deployment: Deployment,
) -> None:
    """Redis goes and comes back; a worker that hangs is alive for a minute."""
    deployment, port = redis_deployment, free_port()
    parent = deployment.start("worker", "--health-address", str(port))
    deployment.until(lambda: ask(port, "/readyz") == (200, {"ready": True, "workers": 1}), "ready")
    assert ask(port, "/nowhere") == (404, None)
    assert deployment.redis is not None
    deployment.redis.kill()
    deployment.until(lambda: ask(port, "/readyz") == (503, {"ready": False, "workers": 0}), "not ready")
    meanwhile = ask(port, "/livez")
    deployment.redis.start()
    deployment.until(lambda: ask(port, "/readyz")[0] == 200, "ready again")
    [child] = deployment.children(parent)
    os.kill(child, signal.SIGSTOP)
    deployment.until(lambda: ask(port, "/readyz")[0] == 503, "it hangs")
    hanging = ask(port, "/livez")
    os.kill(child, signal.SIGCONT)
    deployment.until(lambda: ask(port, "/readyz")[0] == 200, "it goes on")
    parent.terminate()

    assert parent.wait() == 0
    assert meanwhile == hanging == (200, {"alive": True})
    assert ask(port, "/livez") == (0, None)


def test_a_port_that_is_taken_is_told(deployment: Deployment) -> None:
    """With the setting, and nothing is started."""
    port = free_port()
    first = deployment.start("worker", "--health-address", str(port))
    deployment.until(lambda: ask(port, "/livez")[0] == 200, "it listens")

    second = deployment.run("worker", "--health-address", f"127.0.0.1:{port}")
    wrong = deployment.run("worker", "--health-address", "here")
    first.terminate()

    assert first.wait() == 0
    assert (second.returncode, wrong.returncode) == (78, 78)
    assert (
        f"tasks.health_address is '127.0.0.1:{port}', and it cannot listen there" in second.stderr
    )
    assert "tasks.health_address" in wrong.stderr
