"""Tests of the values of several processes, some of which are killed."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from actionhero import BootError
from actionhero_telemetry.merging import Merger
from actionhero_telemetry.processes import (
    claim_slot,
    layout_digest,
    live_slots,
    totals_since,
    value_files,
)
from actionhero_telemetry.reserved_file import NoFile
from actionhero_telemetry.values import ValueStore

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Counts and sets a gauge for each line of its input, and prints its slot.
PROGRAM = """
import sys
from pathlib import Path
from actionhero_telemetry.merging import Merger
from actionhero_telemetry.processes import claim_slot
from actionhero_telemetry.values import ValueStore

slot = claim_slot(Path(sys.argv[1]), "layout")
store = ValueStore(slot)
counter = store.value("counter", "c", "c_total", [], [], "A counter.")
gauge = store.value("gauge_livesum", "g", "g", [], [], "A gauge.")
print(slot.number, flush=True)
for line in sys.stdin:
    counter.add(1)
    gauge.set(1)
    print("done", flush=True)
"""


class Process:
    """A process with values."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.slot = int(self.process.stdout.readline())

    def count(self, times: int = 1) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        for _ in range(times):
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            assert self.process.stdout.readline() == "done\n"

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Process]]:
    """Three processes of one folder."""
    started = [Process(tmp_path) for _ in range(3)]
    yield started
    for process in started:
        process.kill()


def read(folder: Path) -> dict[str, float]:
    """Return all numbers by name."""
    families = Merger().merge(value_files(folder))
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_a_killed_process_leaves_its_counters_and_not_its_gauges(
    tmp_path: Path, processes: list[Process]
) -> None:
    for process in processes:
        process.count(2)
    assert read(tmp_path) == {"c_total": 6, "g": 3}

    processes[1].kill()

    assert read(tmp_path) == {"c_total": 6, "g": 2}
    processes[1] = Process(tmp_path)
    assert processes[1].slot == 1
    assert read(tmp_path) == {"c_total": 6, "g": 2}
    processes[1].count()
    assert read(tmp_path) == {"c_total": 7, "g": 3}


def test_counters_never_fall_and_files_do_not_accumulate(
    tmp_path: Path, processes: list[Process]
) -> None:
    last = 0.0
    total = 0
    for number in range(5):
        for process in processes:
            process.count(3)
        total += 9
        processes[number % 3].kill()
        processes[number % 3] = Process(tmp_path)
        for _ in range(50):
            counted = read(tmp_path)["c_total"]
            assert counted >= last
            last = counted

    assert last == total
    assert len(list(tmp_path.glob("*.db"))) == 6
    assert live_slots(tmp_path) == {0, 1, 2}


def test_a_forked_process_does_not_change_the_values_of_its_parent(tmp_path: Path) -> None:
    store = ValueStore(claim_slot(tmp_path, "layout"))
    counter = store.value("counter", "c", "c_total", [], [], "A counter.")
    counter.add(1)

    child = os.fork()
    if child == 0:
        counter.add(10)
        os._exit(0)
    os.waitpid(child, 0)
    counter.add(1)

    assert read(tmp_path) == {"c_total": 2}
    store.close()


def test_a_forked_process_does_not_collect_values_of_histograms(tmp_path: Path) -> None:
    """Which nothing would write, nor release."""
    store = ValueStore(claim_slot(tmp_path, "layout"))
    histogram = store.histogram("h", [], [], "A histogram.", (0.5,))
    histogram.record(0.1)

    child = os.fork()
    if child == 0:
        later = store.histogram("later", [], [], "A histogram.", (0.5,))
        for item in (histogram, later):
            item.record(0.2)
        os._exit(len(histogram._values) + len(later._values))
    _, status = os.waitpid(child, 0)
    store.close()

    assert status == 0
    assert read(tmp_path)["h_sum"] == 0.1


def test_values_on_boundaries_are_in_their_buckets(tmp_path: Path) -> None:
    """In one write and in several, with what other threads record in between."""
    store = ValueStore(claim_slot(tmp_path, "layout"))
    histogram = store.histogram("h", [], [], "A histogram.", (1.0, 2.0))
    for values in ((2.0, 0.5, 1.0), (), (3.0,), (1.5, 9.0)):
        for value in values:
            histogram.record(value)
        store.flush()

    families = Merger().merge(value_files(tmp_path))
    samples = {(s.name, s.labels.get("le")): s.value for f in families for s in f.samples}

    assert samples == {
        ("h_bucket", "1.0"): 2,
        ("h_bucket", "2.0"): 4,
        ("h_bucket", "+Inf"): 6,
        ("h_count", None): 6,
        ("h_sum", None): 17,
    }
    store.close()


@pytest.mark.parametrize(("layout", "expected"), [("same", {"c_total": 1}), ("other", {})])
def test_values_of_another_layout_are_discarded(
    tmp_path: Path, layout: str, expected: dict[str, Any]
) -> None:
    slot = claim_slot(tmp_path, "same")
    store = ValueStore(slot)
    store.value("counter", "c", "c_total", [], [], "A counter.").add(1)
    store.close()
    slot.release()

    second = claim_slot(tmp_path, layout)

    assert second.number == 0
    assert read(tmp_path) == expected
    second.release()


def test_a_running_process_keeps_the_values_of_another_layout(tmp_path: Path) -> None:
    first = claim_slot(tmp_path, "one")
    store = ValueStore(first)
    store.value("counter", "c", "c_total", [], [], "A counter.").add(1)

    second = claim_slot(tmp_path, "other")

    assert (first.number, second.number) == (0, 1)
    assert read(tmp_path) == {"c_total": 1}
    store.close()
    first.release()
    second.release()


def test_a_damaged_file_is_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # More is used than there is.
    for number in (0, 7):
        (tmp_path / f"counter_{number}.db").write_bytes(b"\xff\xff\xff\x7f" + bytes(1000))
    (tmp_path / "layout").write_text(layout_digest("layout"))

    slot = claim_slot(tmp_path, "layout")
    store = ValueStore(slot)
    store.value("counter", "c", "c_total", [], [], "A counter.").add(1)

    assert read(tmp_path) == {"c_total": 1}
    assert caplog.text.count("is damaged") == 2
    store.close()
    slot.release()


@pytest.mark.parametrize("text", ["", "half"])
def test_a_damaged_begin_of_the_totals_is_replaced(tmp_path: Path, text: str) -> None:
    """Once."""
    (tmp_path / "layout").write_text(layout_digest("layout"))
    (tmp_path / "since").write_text(text)

    claim_slot(tmp_path, "layout").release()
    first = totals_since(tmp_path)
    claim_slot(tmp_path, "layout").release()

    assert first > 0
    assert totals_since(tmp_path) == first


def test_a_full_disk_stops_new_series_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the reservation of its space, a file in memory ends the process with SIGBUS."""
    reserve = os.posix_fallocate
    sizes: list[int] = []

    def reserve_once(descriptor: int, offset: int, size: int) -> None:
        sizes.append(size)
        if len(sizes) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        reserve(descriptor, offset, size)

    monkeypatch.setattr(os, "posix_fallocate", reserve_once)
    monkeypatch.setattr(NoFile, "has_warned", False)
    slot = claim_slot(tmp_path, "layout")
    store = ValueStore(slot)
    names = [f"c{number}_total" for number in range(2_000)]
    counters = [store.value("counter", name, name, [], [], "A counter.") for name in names]
    gauge = store.value("gauge_livesum", "g", "g", [], [], "A gauge.")
    histogram = store.histogram("h", [], [], "A histogram.", (0.5,))

    for counter in counters:
        counter.add(1)
    gauge.set(1)
    histogram.record(1)
    histogram.flush()

    numbers = read(tmp_path)
    assert sizes[:2] == [64 * 1024, 128 * 1024]
    assert 100 < len(numbers) < 2_000
    assert set(numbers.values()) == {1}
    assert caplog.text.count("the metrics cannot be stored") == 1
    store.close()
    slot.release()


def test_an_unusable_folder_is_a_start_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BootError, match=r"set app.data_dir to a writable folder"):
        claim_slot(tmp_path / "file", "layout")


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, processes: list[Process]) -> None:
    os.kill(processes[2].process.pid, signal.SIGKILL)
    processes[2].process.wait()

    assert live_slots(tmp_path) == {0, 1}


def test_merged_values_are_those_of_the_library(tmp_path: Path) -> None:
    """Counters, histograms and gauges of three processes, each with other numbers."""
    stores = []
    for number in range(3):
        store = ValueStore(claim_slot(tmp_path, "layout"))
        for name in ("a", "b"):
            store.value("counter", "c", "c_total", ["x"], [name], "A counter.").add(number + 1)
            histogram = store.histogram("h", ["x"], [name], "A histogram.", (0.5, 1.0, 5.0))
            for value in (0.1, 0.7, number * 3.0):
                histogram.record(value)
            histogram.flush()
        for mode in ("sum", "max", "min"):
            store.value(f"gauge_live{mode}", mode, mode, [], [], "A gauge.").set(number - 1)
        stores.append(store)
    files = value_files(tmp_path)
    merger = Merger()

    merged = [merger.merge(files) for _ in range(2)]

    library = MultiProcessCollector.merge(files)
    for families in merged:
        assert _comparable(families) == _comparable(library)
    for store in stores:
        store.close()


def _comparable(families: Any) -> list[Any]:
    return sorted(
        (
            family.name,
            family.type,
            family.documentation,
            sorted((s.name, sorted(s.labels.items()), s.value) for s in family.samples),
        )
        for family in families
    )
