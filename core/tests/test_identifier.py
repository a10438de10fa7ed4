"""Identifiers: unique, in the form of UUIDv7, and in the order in which they were made."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid

import pytest

from actionhero.identifier import new_identifier


def test_an_identifier_is_a_uuid_of_version_7() -> None:
    """Any library that knows UUIDs reads it, and finds the time in it."""
    before = time.time_ns() // 1_000_000
    identifier = uuid.UUID(text := new_identifier())
    after = time.time_ns() // 1_000_000

    assert str(identifier) == text
    assert identifier.version == 7
    assert identifier.variant == uuid.RFC_4122
    assert before <= identifier.int >> 80 <= after


def test_no_identifier_comes_twice() -> None:
    """Ten thousand in a row are all different, all well-formed, and in order of time."""
    made = [new_identifier() for _ in range(10_000)]

    assert len(set(made)) == len(made)
    assert {uuid.UUID(identifier).version for identifier in made} == {7}
    assert {uuid.UUID(identifier).variant for identifier in made} == {uuid.RFC_4122}
    times = [uuid.UUID(identifier).int >> 80 for identifier in made]
    assert times == sorted(times)


def test_threads_do_not_get_the_same_identifier() -> None:
    """Identifiers made in many threads at once are all different."""
    made: list[str] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        made.extend([new_identifier() for _ in range(2_000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(made)) == 16_000


FORKING = """
import os
from actionhero.identifier import new_identifier

new_identifier()
reading, writing = os.pipe()
if os.fork() == 0:
    os.write(writing, new_identifier()[14:].encode())
    os._exit(0)
os.wait()
of_child = os.read(reading, 100).decode()
print(len(of_child), of_child in {new_identifier()[14:] for _ in range(300)})
"""


@pytest.mark.platform("linux")
def test_a_forked_process_makes_others_than_its_parent() -> None:
    """Workers that are forked do not share what was prepared before."""
    forked = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, check=True
    )

    assert forked.stdout.split() == ["22", "False"]
