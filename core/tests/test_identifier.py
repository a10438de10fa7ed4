"""Identifiers: unique UUIDs of version 7 in order of creation."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
import uuid

import pytest

from actionhero.identifier import new_identifier


def test_an_identifier_is_a_uuid_of_version_7() -> None:
    """Its time is the time of creation."""
    before = time.time_ns() // 1_000_000
    identifier = uuid.UUID(text := new_identifier())
    after = time.time_ns() // 1_000_000

    assert str(identifier) == text
    assert identifier.version == 7
    assert identifier.variant == uuid.RFC_4122
    assert before <= identifier.int >> 80 <= after


def test_identifiers_are_unique_and_sorted() -> None:
    """Ten thousand in a row differ, are well-formed, and in order of time."""
    identifiers = [new_identifier() for _ in range(10_000)]

    assert len(set(identifiers)) == len(identifiers)
    assert {uuid.UUID(identifier).version for identifier in identifiers} == {7}
    assert {uuid.UUID(identifier).variant for identifier in identifiers} == {uuid.RFC_4122}
    times = [uuid.UUID(identifier).int >> 80 for identifier in identifiers]
    assert times == sorted(times)


def test_identifiers_of_threads_are_unique() -> None:
    """Also when many threads generate them at once."""
    identifiers: list[str] = []
    start = threading.Barrier(8)

    def make() -> None:
        start.wait()
        identifiers.extend([new_identifier() for _ in range(2_000)])

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(identifiers)) == 16_000


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
def test_identifiers_of_forked_processes_are_unique() -> None:
    """A fork does not share prepared random bits."""
    forked = subprocess.run(
        [sys.executable, "-c", FORKING], capture_output=True, text=True, check=True
    )

    assert forked.stdout.split() == ["22", "False"]
