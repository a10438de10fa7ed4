"""Background jobs for ActionHero: `task = Task(...)` configures an action, `Tasks` enqueues it.

Importing this module imports neither dramatiq nor APScheduler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_tasks.enqueue_middleware import EnqueueMiddleware as EnqueueMiddleware
    from actionhero_tasks.job import JobState as JobState
    from actionhero_tasks.job import NewJob as NewJob
    from actionhero_tasks.job import Settlement as Settlement
    from actionhero_tasks.job import SettlementKind as SettlementKind
    from actionhero_tasks.queue_limits import Queue as Queue
    from actionhero_tasks.reports import FanOut as FanOut
    from actionhero_tasks.reports import Job as Job
    from actionhero_tasks.reports import JobId as JobId
    from actionhero_tasks.settings import TasksSettings as TasksSettings
    from actionhero_tasks.task import Task as Task
    from actionhero_tasks.tasks import Tasks as Tasks
    from actionhero_tasks.worker.runner import JobRunner as JobRunner
    from actionhero_tasks.worker_id import new_worker_id as new_worker_id

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".enqueue_middleware": ["EnqueueMiddleware"],
        ".job": ["JobState", "NewJob", "Settlement", "SettlementKind"],
        ".queue_limits": ["Queue"],
        ".reports": ["FanOut", "Job", "JobId"],
        ".settings": ["TasksSettings"],
        ".task": ["Task"],
        ".tasks": ["Tasks"],
        ".worker.runner": ["JobRunner"],
        ".worker_id": ["new_worker_id"],
    },
)
