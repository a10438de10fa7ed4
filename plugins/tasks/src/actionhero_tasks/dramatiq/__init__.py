"""The application as a program of dramatiq: `dramatiq actionhero_tasks.dramatiq` runs its jobs.

Importing this package imports dramatiq in worker processes of dramatiq's command only, where it
starts the application, whose broker it sets as dramatiq's global one.
"""

from __future__ import annotations

import importlib
import sys

#: Whether this is a worker process of dramatiq's command, whose worker runs the jobs.
IS_WORKER_PROCESS = (
    "dramatiq.cli" in sys.modules and sys.modules["multiprocessing"].parent_process() is not None
)

if IS_WORKER_PROCESS:
    # By name, because it starts the application with the upper layers of this package.
    importlib.import_module("actionhero_tasks.worker.dramatiq_process").start()
