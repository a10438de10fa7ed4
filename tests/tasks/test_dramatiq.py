"""An application whose jobs use dramatiq, in our worker and in dramatiq's own command."""

from __future__ import annotations

import json
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any

import pytest

from actionhero_redis.testing import throw_away_redis

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conftest import Place

#: The beginning of a line of `-X importtime`, before the name of the module.
IMPORT = r"import time: *\d+ \| *\d+ \| *"

COMMANDS = {
    "worker": ("actionhero", "worker"),
    "dramatiq": ("dramatiq", "actionhero_tasks.dramatiq", "--processes", "1", "--threads", "4"),
}


@pytest.fixture
def newsletter(place: Place, workspace: Path) -> Iterator[dict[str, str]]:
    """The variables of the newsletter in the folder of `place`, with a Redis server."""
    shutil.copytree(
        workspace / "tests" / "specimens" / "newsletter",
        place.folder / "newsletter",
        ignore=shutil.ignore_patterns("__pycache__"),
    )
    place.enabled = ["redis", "tasks"]
    with throw_away_redis() as server:
        yield {
            "REDIS_URL": server.url,
            "ACTIONHERO_APP__PACKAGE": "newsletter",
            "ACTIONHERO_APP__SECRET_KEY": "k" * 40,
            "PYTHONPATH": str(place.folder),
            "dramatiq_prom_db": str(place.folder / "prometheus"),
            "dramatiq_prom_port": "0",
        }


@pytest.mark.parametrize("command", COMMANDS)
def test_composed_messages_run_in_each_worker(
    place: Place, newsletter: dict[str, str], command: str
) -> None:
    """Groups, pipelines, workflows, results and callbacks of actions and actors."""
    program, *arguments = COMMANDS[command]
    place.program = (sys.executable, "-m", program)
    worker = place.start(*arguments, **newsletter)
    place.program = (sys.executable, "-m", "actionhero")

    call = ("call", "issue:publish", "--text", "two words", "--signature", "secret")
    published = place.run(*call, **newsletter)
    assert published.code == 0, published.stderr
    result: dict[str, Any] = json.loads(published.stdout)
    lines = wait_for_lines(place.folder, 6)
    ended = worker.stop()

    pid = result.pop("pid")
    html = "<p>two wordssecret</p>"
    assert result == {"counted": 2, "measured": 2, "mails": [f"ada: {html}", f"grace: {html}"]}
    assert sorted(line.split()[0] for line, _ in lines) == [
        *("all", "deliver", "deliver", "one", "two", "workflow")
    ]
    assert pid not in {process for _, process in lines}
    assert len({process for _, process in lines}) == 1
    assert ended.code == 0, ended.stderr


@pytest.mark.parametrize(
    ("variables", "code", "message"),
    [
        ({"ACTIONHERO_ENV": "production", "ACTIONHERO_APP__SECRET_KEY": ""}, 78, "SECRET_KEY"),
        ({"REDIS_URL": "redis://127.0.0.1:1"}, 69, "127.0.0.1:1"),
    ],
    ids=["settings", "unavailable"],
)
def test_an_application_that_cannot_be_started_is_an_error_without_traceback_of_dramatiq(
    place: Place, newsletter: dict[str, str], variables: dict[str, str], code: int, message: str
) -> None:
    """The exit code is that of our worker."""
    program, *arguments = COMMANDS["dramatiq"]
    place.program = (sys.executable, "-m", program)

    command = place.run(*arguments, **newsletter | variables)

    assert command.code == code, command
    assert "Traceback" not in command.stderr
    assert command.stderr.count("the application cannot be started") == 1
    assert message in command.stderr


def wait_for_lines(folder: Path, count: int) -> list[tuple[str, int]]:
    """Wait until the journal has so many lines; return each with its process id."""
    journal = folder / "journal"
    while not journal.exists() or len(journal.read_text().splitlines()) < count:
        pass
    lines = [line.rpartition(" ") for line in journal.read_text().splitlines()]
    return [(line, int(pid)) for line, _, pid in lines]


def test_actors_are_listed(place: Place, newsletter: dict[str, str]) -> None:
    """With their queues and their options."""
    listed = place.run("tasks", "--format", "json", **newsletter)

    actors = {actor["actor"]: actor for actor in json.loads(listed.stdout)["actors"]}
    assert set(actors) == {"count_words", "log_line", "word_lengths", "workflow_noop"}
    assert actors["count_words"] == {
        "actor": "count_words",
        "queue": "text",
        "priority": 0,
        "options": "max_retries=3, min_backoff=1, time_limit=10000",
    }


def test_a_worker_imports_dramatiq_and_help_does_not(place: Place) -> None:
    """Nor does a command, unless the application does."""
    place.enabled = ["tasks"]
    place.write("shop.py", "from actionhero_tasks import Task, Tasks\n")
    place.program = (sys.executable, "-X", "importtime", "-m", "actionhero")
    variables = {"ACTIONHERO_APP__PACKAGE": "shop", "PYTHONPATH": str(place.folder)}
    commands = [place.run(*arguments, **variables).stderr for arguments in (["--help"], ["tasks"])]
    worker = place.start("worker", **variables)
    worker.wait_for(rf"{IMPORT}dramatiq\.worker")
    worker.stop()

    assert all(re.search(rf"{IMPORT}actionhero_tasks", imported) for imported in commands)
    assert not any(re.search(rf"{IMPORT}dramatiq", imported) for imported in commands)
