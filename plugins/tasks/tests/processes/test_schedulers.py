"""Several schedulers, each killed in turn, make one run of each time."""

from __future__ import annotations

import re
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugins.tasks.tests.processes.conftest import Place

TICKING = '''
import os
from datetime import timedelta

from actionhero import Action, Call


class Tick(Action):
    """Recur every second."""

    name = "tick"
    task = {"every": timedelta(seconds=1), "overlap": True}

    async def run(self, call: Call) -> None:
        file = os.open("journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(file, f"tick {call.connection.id}\\n".encode())
        os.close(file)
'''


def ticking(place: Place, rounds: int, ticks: int) -> None:
    """Let three schedulers run, kill one after the other, and look at what ran."""
    (place.folder / "works.py").write_text(TICKING)
    worker = place.begin("worker")
    schedulers = [place.begin("scheduler") for _ in range(3)]
    place.until(lambda: len(place.journal()) >= 1, "the first tick")
    first = place.time_of(place.journal()[0].split()[1])
    for number in range(rounds):
        seen = len(place.journal())
        victim = schedulers.pop(0)
        victim.send_signal(signal.SIGKILL)
        victim.wait()
        place.until(lambda: len(place.journal()) > seen, "a tick after a kill")  # noqa: B023 - now
        schedulers.append(place.begin("scheduler"))
        place.until(
            lambda: len(place.journal()) >= (number + 1) * ticks // rounds,  # noqa: B023 - now
            "enough ticks",
        )
    for scheduler in schedulers:
        scheduler.terminate()
        assert scheduler.wait() == 0
    store = place.store()
    place.until(lambda: store.counts() == [], "all have run")
    last = store.last_tick("tick", 0)
    store.close()
    worker.terminate()
    assert worker.wait() == 0

    # One for each second from the first that was claimed to the last; the first may have been made
    # late, and where nobody got to run for a second, its time was made up for by the next.
    ran = place.journal()
    log = (place.folder / "log").read_text()
    seconds = (last - first) // 1000 + 1
    assert len(set(ran)) == len(ran)
    assert seconds - 2 <= len(ran) <= seconds + 1
    assert not re.search("Traceback|ERROR", log)


def test_a_time_is_run_once_though_schedulers_are_killed(each_place: Place) -> None:
    """A short form: each of three is killed once."""
    ticking(each_place, rounds=3, ticks=6)


@pytest.mark.soak
@pytest.mark.timeout(300)
def test_a_hundred_times_are_run_once_each(each_place: Place) -> None:
    """A hundred times, and a kill at every tenth."""
    ticking(each_place, rounds=10, ticks=100)
