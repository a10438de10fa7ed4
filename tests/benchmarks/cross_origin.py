"""CPU time of the check for pages of other sites: it is too small for a difference of requests."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp.test_utils import make_mocked_request
from tests.benchmarks.figures import Reading

import actionhero_web.plugin
from actionhero import App, Connection, RunMode
from actionhero.settings.sources import read_sources
from actionhero_web import CrossOriginProtection

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: The headers of a request from an own page, by figure.
HEADERS: Mapping[str, Mapping[str, str]] = {
    "in_process.cross_origin": {
        "Origin": "https://shop.example",
        "Sec-Fetch-Site": "same-origin",
    },
    # Of a browser that sends no fetch metadata, or on a connection without TLS.
    "in_process.cross_origin.host": {"Origin": "http://shop.example"},
    # Of a program.
    "in_process.cross_origin.program": {},
}
#: How often a part is measured; its figure is the best, as the check does nothing but compute.
REPETITIONS = 5


def measure(keys: Collection[str], count: int, parts: int) -> dict[str, Reading]:
    """Return the microseconds of one check, for each figure of `keys` that is one.

    Args:
        keys: The figures.
        count: How many checks are measured together.
        parts: How many values a figure has.
    """
    with tempfile.TemporaryDirectory() as folder:
        app = App.from_plugins(
            [actionhero_web.plugin],
            read_sources(Path(folder), environ={"ACTIONHERO_ENV": "production"}),
            RunMode.SERVER,
        )
    protection = CrossOriginProtection.of(app)
    readings = {}
    for key in HEADERS.keys() & keys:
        headers = {"Host": "shop.example", **HEADERS[key]}
        request = make_mocked_request("POST", "/api/user", headers=headers)
        values = [
            min(_microseconds(protection, request, count) for _ in range(REPETITIONS))
            for _ in range(parts)
        ]
        readings[key] = Reading(values)
    return readings


def _microseconds(protection: CrossOriginProtection, request: Any, count: int) -> float:
    connection = Connection("web", raw=request)
    begun = time.process_time_ns()
    for _ in range(count):
        protection.check(request, connection)
    return (time.process_time_ns() - begun) / count / 1000
