"""The liveness and the readiness of workers over HTTP."""

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


def get(port: int, path: str) -> tuple[int, Any]:
    """Return the status and the body of a response; the status 0 if nothing listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        text = error.read()
        return error.code, json.loads(text) if text else None
    except OSError:
        return 0, None


def test_readiness_depends_on_the_store_and_on_the_worker_process(
    server_deployment: Deployment,
) -> None:
    """During an outage of Redis, and while the process is suspended, it is live and not ready."""
    deployment, port = server_deployment, free_port()
    parent = deployment.start("worker", "--health-address", str(port))
    deployment.until(lambda: get(port, "/readyz") == (200, {"ready": True, "workers": 1}), "ready")
    assert get(port, "/nowhere") == (404, None)
    assert deployment.server is not None
    deployment.server.kill()
    deployment.until(
        lambda: get(port, "/readyz") == (503, {"ready": False, "workers": 0}), "not ready"
    )
    during_outage = get(port, "/livez")
    deployment.server.start()
    deployment.until(lambda: get(port, "/readyz")[0] == 200, "ready again")
    [child] = deployment.children(parent)
    os.kill(child, signal.SIGSTOP)
    deployment.until(lambda: get(port, "/readyz")[0] == 503, "suspended")
    suspended = get(port, "/livez")
    os.kill(child, signal.SIGCONT)
    deployment.until(lambda: get(port, "/readyz")[0] == 200, "resumed")
    parent.terminate()

    assert parent.wait() == 0
    assert during_outage == suspended == (200, {"alive": True})
    assert get(port, "/livez") == (0, None)


def test_a_port_in_use_is_reported(deployment: Deployment) -> None:
    """With the setting; no worker is started."""
    port = free_port()
    first = deployment.start("worker", "--health-address", str(port))
    deployment.until(lambda: get(port, "/livez")[0] == 200, "listening")

    second = deployment.run("worker", "--health-address", f"127.0.0.1:{port}")
    invalid = deployment.run("worker", "--health-address", "here")
    too_high = deployment.run("worker", "--health-address", "99999")
    first.terminate()

    assert first.wait() == 0
    assert (second.returncode, invalid.returncode, too_high.returncode) == (78, 78, 78)
    assert "cannot listen on tasks.health_address '99999'" in too_high.stderr
    assert f"cannot listen on tasks.health_address '127.0.0.1:{port}'" in second.stderr
    assert "tasks.health_address" in invalid.stderr
