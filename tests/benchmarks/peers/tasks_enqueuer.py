"""A process that enqueues for one of the peers: commands on stdin, durations on stdout.

It is started with the name of a module beside this one. Each line that it reads is a function of
that module and its arguments, as JSON; each that it writes has the seconds, of the clock and of
the CPU.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time


async def main() -> None:
    """Execute commands until the end of the input."""
    peer = importlib.import_module(f"tests.benchmarks.peers.{sys.argv[1]}")
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        clock, cpu = time.perf_counter(), time.process_time()
        await getattr(peer, name)(*arguments)
        print(json.dumps([time.perf_counter() - clock, time.process_time() - cpu]), flush=True)


asyncio.run(main())
