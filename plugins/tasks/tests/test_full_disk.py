"""A full disk: not ready, and errors that name it."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

import pytest

import actionhero_redis.plugin
import actionhero_tasks.plugin
from actionhero import Action, RunMode, ServiceUnavailable
from actionhero.testing import running_app
from actionhero.transport import Health
from actionhero_tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.platform("linux"), pytest.mark.usefixtures("limit")]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with 16 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root mounts file systems")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> None:
    with (folder / "ballast").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65536))


class Work(Action):
    """Do nothing."""

    name = "work"

    async def run(self) -> None:
        pass


async def test_the_application_is_not_ready_on_a_full_disk(small_disk: Path) -> None:
    """It is again as soon as there is space; jobs are refused in between."""
    environ = {"ACTIONHERO_REDIS__MODE": "embedded"}
    async with running_app(
        actionhero_tasks.plugin,
        actionhero_redis.plugin,
        Work,
        environ=environ,
        folder=small_disk,
        mode=RunMode.SERVER,
    ) as app:
        health = app.get(Health)

        async def failures() -> list[str]:
            return [check.problem or "" for check in await health.check() if not check.healthy]

        before = await failures()
        fill(small_disk)
        during = await failures()
        with pytest.raises(ServiceUnavailable) as raised:
            await app.get(Tasks).enqueue_many(Work, [{}] * 2000)
        (small_disk / "ballast").unlink()
        after = await failures()
        await app.get(Tasks).enqueue(Work)

    assert before == after == []
    assert "disk is full" in str(raised.value.__cause__)
    assert len(during) == 2
    assert all("the disk is full; free space on it" in problem for problem in during)
