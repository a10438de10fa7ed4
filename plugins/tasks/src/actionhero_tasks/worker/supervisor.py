"""`WorkerSupervisor`: starts and monitors worker processes, and replaces those that end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Final

from actionhero import LifecycleError, Supervisor
from actionhero.cli import EXIT_CONFIGURATION, EXIT_UNAVAILABLE
from actionhero.transport import EXIT_SOFTWARE, Backoff, StopSignals, parent_environ
from actionhero_tasks.job import StoreUnavailable
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.store_factory import open_store, store_error
from actionhero_tasks.worker.health_server import HealthServer
from actionhero_tasks.worker.heartbeats import HEARTBEAT_VARIABLE, HeartbeatReader
from actionhero_tasks.worker_id import WORKER_ID_VARIABLE, new_worker_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from actionhero import Application
    from actionhero_tasks.stores.worker_registry import WorkerRegistry

logger = logging.getLogger("actionhero.tasks")

#: How often the leases of the workers are extended.
HEARTBEAT_SECONDS: Final = 2.0
#: The first and the longest delay before a process is replaced that ended before it was ready.
RESTART_BACKOFF_SECONDS: Final = (0.1, 5.0)
#: How many starts in a row may fail, if no process was ever ready.
MAX_FAILED_STARTS: Final = 3
#: How much longer than the grace time a process may take to stop before it is killed.
STOP_SECONDS: Final = 6.0


class WorkerSupervisor(Supervisor):
    """Runs workers in child processes.

    A process that was killed is replaced, and its jobs are released at once. The supervisor extends
    the leases of its workers, so that a job in C code that holds the GIL does not lose its lease.

    With `watch`, it replaces the processes after each change. A process that cannot start is
    started again on the next change. Its own settings, such as their number, are read once.

    Args:
        app: The loaded application. Each process loads its own.
        watch: Watches the files of an application until it is cancelled, and calls a function
            after each change; `None`: they are not watched.
    """

    def __init__(
        self,
        app: Application,
        watch: Callable[[Application, Callable[[], object]], Awaitable[None]] | None = None,
    ) -> None:
        self._app = app
        self._watch = watch
        self._count = app.get(TasksSettings).processes
        self._stopping: asyncio.Event
        #: Set after the next change of a file, and then replaced.
        self._changed: asyncio.Event
        #: The heartbeats of the running processes, by worker id.
        self._heartbeats: dict[str, HeartbeatReader] = {}
        #: Counts the failed starts in a row.
        self._restart_backoff = Backoff(*RESTART_BACKOFF_SECONDS)
        #: Whether any process was ever ready.
        self._was_ready = False

    def run(self) -> int:
        """Run the workers until a stop signal, and return the exit code.

        Raises:
            LifecycleError: Workers repeatedly end before they are ready.
            UnavailableError: The store cannot be used.
        """
        return asyncio.run(self._run())

    async def _run(self) -> int:
        self._stopping = asyncio.Event()
        self._changed = asyncio.Event()
        loop = asyncio.get_running_loop()
        try:
            store = await asyncio.to_thread(open_store, self._app)
        except StoreUnavailable as error:
            raise store_error(self._app, error) from error
        try:
            with StopSignals(loop, self._stop):
                health_server = await self._start_health_server()
                slots = [asyncio.create_task(self._run_slot(store)) for _ in range(self._count)]
                background = [asyncio.create_task(self._record_heartbeats(store))]
                if self._watch is not None:
                    background.append(asyncio.ensure_future(self._watch(self._app, self._reload)))
                try:
                    codes = await asyncio.gather(*slots)
                finally:
                    self._stopping.set()
                    await asyncio.gather(*slots, return_exceptions=True)
                    if health_server is not None:
                        health_server.close()
                    for task in background:
                        task.cancel()
                    await asyncio.gather(*background, return_exceptions=True)
        finally:
            await asyncio.to_thread(store.close)
        return max(codes)

    def _stop(self, number: int) -> None:
        logger.info("stopping the workers on %s", signal.Signals(number).name)
        self._stopping.set()

    def _reload(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _run_slot(self, registry: WorkerRegistry) -> int:
        """Run one process after another until a stop signal; return the exit code of the last."""
        while not self._stopping.is_set():
            changed = self._changed
            try:
                pid, code, was_ready = await self._run_process(registry, changed)
            except OSError as error:
                if not self._was_ever_ready():
                    raise
                # As when memory or processes are short for a while: the other workers go on.
                logger.error("a worker process could not be started: %s", error)
                await self._back_off()
                continue
            if self._stopping.is_set():
                return code if code in {0, EXIT_SOFTWARE} else 0
            self._was_ready |= was_ready
            if changed.is_set():
                continue
            if self._watch is not None and not was_ready:
                logger.error("a worker exited with code %d; waiting for a change", code)
                await _wait_for_first(changed.wait(), self._stopping.wait())
                continue
            if code in {EXIT_CONFIGURATION, EXIT_UNAVAILABLE} and not self._was_ever_ready():
                # The process has logged the error, and its replacement would fail in the same way.
                self._stopping.set()
                return code
            if was_ready:
                self._restart_backoff.reset()
            elif (
                self._restart_backoff.failures + 1 >= MAX_FAILED_STARTS
                and not self._was_ever_ready()
            ):
                raise LifecycleError(
                    f"{MAX_FAILED_STARTS} workers in a row ended before they were ready, the last "
                    f"with exit code {code}; see the log above"
                )
            logger.warning("worker process %d ended with exit code %d; starting another", pid, code)
            if not was_ready:
                # A service that the process requires may be unavailable for a while.
                await self._back_off()
        return 0

    async def _run_process(
        self, registry: WorkerRegistry, changed: asyncio.Event
    ) -> tuple[int, int, bool]:
        """Run one process; return its id, its exit code, and whether it was ever ready.

        Raises:
            OSError: The process could not be started.
        """
        worker_id = new_worker_id()
        read_end, write_end = os.pipe()
        heartbeat = self._heartbeats[worker_id] = HeartbeatReader(read_end)
        try:
            try:
                process = await self._start(worker_id, write_end)
            finally:
                os.close(write_end)
            crashed = False
            try:
                code, crashed = await self._wait(process, changed)
            finally:
                self._heartbeats.pop(worker_id)
                # At once, instead of after the end of the lease.
                await self._release_jobs(registry, worker_id, crashed=crashed)
        finally:
            self._heartbeats.pop(worker_id, None)
            heartbeat.stop()
            os.close(read_end)
        return process.pid, code, heartbeat.was_ready

    def _was_ever_ready(self) -> bool:
        """Return whether any process was ever ready, including those that still run."""
        self._was_ready |= any(heartbeat.was_ready for heartbeat in self._heartbeats.values())
        return self._was_ready

    async def _back_off(self) -> None:
        """Wait before the next start, at most until a stop signal."""
        delay_seconds = self._restart_backoff.next_seconds()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay_seconds)

    async def _start_health_server(self) -> HealthServer | None:
        address = self._app.get(TasksSettings).health_address
        if address is None:
            return None
        server = HealthServer(
            address, lambda: tuple(self._heartbeats.values()), self._stopping.is_set
        )
        await server.start()
        return server

    async def _start(self, worker_id: str, write_end: int) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            *sys.orig_argv[1:],
            env={
                **os.environ,
                **parent_environ(),
                WORKER_ID_VARIABLE: worker_id,
                HEARTBEAT_VARIABLE: str(write_end),
            },
            pass_fds=[write_end],
        )

    async def _wait(
        self, process: asyncio.subprocess.Process, changed: asyncio.Event
    ) -> tuple[int, bool]:
        """Wait for the end of a process; return its exit code, and whether it crashed.

        A stop signal and a change stop it; its jobs finish within the grace time. A process that
        does not stop in time has not crashed.
        """
        ended = asyncio.create_task(process.wait())
        try:
            await _wait_for_first(asyncio.shield(ended), self._stopping.wait(), changed.wait())
            is_stopped = not ended.done()
            if is_stopped:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                limit_seconds = self._app.grace_seconds + STOP_SECONDS
                _, pending = await asyncio.wait({ended}, timeout=limit_seconds)
                if pending:
                    logger.warning(
                        "worker process %d did not stop in time; killing it", process.pid
                    )
                    process.kill()
                    return await ended, False
            code = await ended
            return code, not (is_stopped and code in {0, EXIT_SOFTWARE})
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _release_jobs(
        self, registry: WorkerRegistry, worker_id: str, *, crashed: bool
    ) -> None:
        try:
            count = await asyncio.to_thread(registry.remove_worker, worker_id, crashed=crashed)
        except StoreUnavailable as error:
            logger.warning("the jobs of a worker that ended remain until its lease ends: %s", error)
            return
        if count:
            logger.warning("%d jobs of a worker that ended are ready again", count)

    async def _record_heartbeats(self, registry: WorkerRegistry) -> None:
        while True:
            for worker_id in tuple(self._heartbeats):
                try:
                    await asyncio.to_thread(registry.record_heartbeat, worker_id)
                except StoreUnavailable:
                    continue
                except Exception:
                    # Without heartbeats, other workers would run the jobs of this one again.
                    logger.exception("the heartbeat of worker %s was not recorded", worker_id)
            await asyncio.sleep(HEARTBEAT_SECONDS)


async def _wait_for_first(*awaitables: Awaitable[object]) -> None:
    """Wait for the first of several awaitables, and cancel the others."""
    futures = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for future in futures:
            future.cancel()
