"""`WorkerProcesses`: starts processes that run jobs, watches over them, and replaces what ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from actionhero import LifecycleError, Supervisor, UnavailableError
from actionhero.cli import EXIT_CONFIGURATION, EXIT_UNAVAILABLE
from actionhero.transport import EXIT_SOFTWARE, StopSignals
from actionhero_tasks.health_address import Probes
from actionhero_tasks.heartbeats import HeartbeatReader
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.servers import OWNER_VARIABLE, READY_VARIABLE, new_worker_id
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import open_store

if TYPE_CHECKING:
    from actionhero import Application
    from actionhero_tasks.store import JobStore

logger = logging.getLogger("actionhero.tasks")

#: How often the store is told that the processes are alive.
BEAT_SECONDS: Final = 2.0
#: How long the next process waits after one that ended before it ran jobs, at first and at most.
AGAIN_SECONDS: Final = 0.05
MOST_AGAIN_SECONDS: Final = 5.0
#: How many processes in a row may end before they run jobs, if none ever has.
MOST_STILLBORN: Final = 3
#: How much longer than its jobs a process may take to stop before it is killed.
STOP_SECONDS: Final = 6.0


class WorkerProcesses(Supervisor):
    """Runs workers in processes of their own.

    A process that was killed is replaced, and its jobs are given back at once. While C code keeps
    the interpreter of a worker to itself, its parent still says that it is alive.

    Args:
        app: The loaded application. Each process loads one of its own.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._count = app.get(TasksSettings).processes
        self._stopping: asyncio.Event
        #: What was heard of the processes that are there, by owner.
        self._alive: dict[str, HeartbeatReader] = {}
        self._stillborn = 0
        #: Whether any of them has run jobs.
        self._worked = False

    def run(self) -> int:
        """Watch over the workers until told to stop, and return the exit code.

        Raises:
            LifecycleError: Workers end again and again before they have begun.
            UnavailableError: The store cannot be used.
        """
        return asyncio.run(self._run())

    async def _run(self) -> int:
        self._stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            store = await asyncio.to_thread(open_store, self._app)
        except StoreUnavailable as error:
            raise UnavailableError(f"the store of jobs cannot be used: {error}") from error
        try:
            with StopSignals(loop, self._stop):
                probes = await self._listen()
                places = [asyncio.create_task(self._keep(store)) for _ in range(self._count)]
                beating = asyncio.create_task(self._beat(store))
                try:
                    codes = await asyncio.gather(*places)
                finally:
                    self._stopping.set()
                    await asyncio.gather(*places, return_exceptions=True)
                    if probes is not None:
                        probes.close()
                    beating.cancel()
                    await asyncio.gather(beating, return_exceptions=True)
        finally:
            await asyncio.to_thread(store.close)
        return max(codes)

    def _stop(self, number: int) -> None:
        logger.info("stopping the workers on %s", signal.Signals(number).name)
        self._stopping.set()

    async def _keep(self, store: JobStore) -> int:
        """Have one process in this place until told to stop; return how the last one ended."""
        while True:
            owner = new_worker_id()
            ears, mouth = os.pipe()
            signs = self._alive[owner] = HeartbeatReader(ears)
            try:
                child = await self._start(owner, mouth)
                os.close(mouth)
                try:
                    code = await self._watch(child)
                finally:
                    self._alive.pop(owner)
                    # Whatever it left is somebody else's now, not only when its lease has ended.
                    await self._give_back(store, owner)
            finally:
                self._alive.pop(owner, None)
                signs.stop()
                os.close(ears)
            worked = signs.worked
            if self._stopping.is_set():
                return code if code in {0, EXIT_SOFTWARE} else 0
            self._worked |= worked
            if code in {EXIT_CONFIGURATION, EXIT_UNAVAILABLE} and not self._worked:
                # It has told what is wrong, and the next one would find it so too.
                raise SystemExit(code)
            self._stillborn = 0 if worked else self._stillborn + 1
            if self._stillborn >= MOST_STILLBORN and not self._worked:
                raise LifecycleError(
                    f"{MOST_STILLBORN} workers in a row ended before they ran jobs, the last with "
                    f"exit code {code}; see the log above"
                )
            logger.warning(
                "worker process %d has ended with exit code %d; it is replaced", child.pid, code
            )
            if self._stillborn:
                # What it leans on may be away for a while, and so is better not asked at once.
                wait = min(AGAIN_SECONDS * 2**self._stillborn, MOST_AGAIN_SECONDS)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), wait)
            if self._stopping.is_set():
                return 0

    async def _listen(self) -> Probes | None:
        address = self._app.get(TasksSettings).health_address
        if address is None:
            return None
        probes = Probes(address, lambda: tuple(self._alive.values()), self._stopping.is_set)
        await probes.start()
        return probes

    async def _start(self, owner: str, mouth: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *sys.orig_argv[1:],
            env={**os.environ, OWNER_VARIABLE: owner, READY_VARIABLE: str(mouth)},
            pass_fds=[mouth],
        )

    async def _watch(self, child: asyncio.subprocess.Process) -> int:
        ended = asyncio.create_task(child.wait())
        told = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({ended, told}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                with contextlib.suppress(ProcessLookupError):
                    child.terminate()
                limit = self._app.grace_seconds + STOP_SECONDS
                _, late = await asyncio.wait({ended}, timeout=limit)
                if late:
                    logger.warning("worker process %d does not end; killing it", child.pid)
                    child.kill()
            return await ended
        finally:
            told.cancel()
            if child.returncode is None:
                child.kill()
                await child.wait()

    async def _give_back(self, store: JobStore, owner: str) -> None:
        try:
            count = await asyncio.to_thread(store.leave, owner, crashed=True)
        except StoreUnavailable as error:
            logger.warning("the jobs of a worker that ended wait for its lease: %s", error)
            return
        if count:
            logger.warning("%d jobs of a worker that ended are ready again", count)

    async def _beat(self, store: JobStore) -> None:
        while True:
            for owner in tuple(self._alive):
                with contextlib.suppress(StoreUnavailable):
                    await asyncio.to_thread(store.beat, owner)
            await asyncio.sleep(BEAT_SECONDS)
