"""Background jobs for ActionHero: `task = Task(...)` configures an action, `Tasks` enqueues it.

Importing this module imports neither dramatiq nor APScheduler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_tasks.broker_url import BrokerUrl as BrokerUrl
    from actionhero_tasks.brokers.backend import BrokerBackend as BrokerBackend
    from actionhero_tasks.enqueue_middleware import EnqueueMiddleware as EnqueueMiddleware
    from actionhero_tasks.job import BatchRecord as BatchRecord
    from actionhero_tasks.job import BrokerUnavailable as BrokerUnavailable
    from actionhero_tasks.job import Claim as Claim
    from actionhero_tasks.job import JobRecord as JobRecord
    from actionhero_tasks.job import JobState as JobState
    from actionhero_tasks.job import NewJob as NewJob
    from actionhero_tasks.job import QueueCounts as QueueCounts
    from actionhero_tasks.job import Settlement as Settlement
    from actionhero_tasks.job import SettlementKind as SettlementKind
    from actionhero_tasks.job import StoreUnavailable as StoreUnavailable
    from actionhero_tasks.job import Totals as Totals
    from actionhero_tasks.job_observer import JobObserver as JobObserver
    from actionhero_tasks.job_questions import JobQuestions as JobQuestions
    from actionhero_tasks.queue_limits import Queue as Queue
    from actionhero_tasks.reports import FanOut as FanOut
    from actionhero_tasks.reports import Job as Job
    from actionhero_tasks.reports import JobId as JobId
    from actionhero_tasks.settings import TasksSettings as TasksSettings
    from actionhero_tasks.stores.backend import StoreBackend as StoreBackend
    from actionhero_tasks.stores.outbox import Outbox as Outbox
    from actionhero_tasks.stores.outbox import ReadyJob as ReadyJob
    from actionhero_tasks.stores.store import JobStore as JobStore
    from actionhero_tasks.task import Task as Task
    from actionhero_tasks.tasks import Tasks as Tasks
    from actionhero_tasks.worker.runner import JobRunner as JobRunner
    from actionhero_tasks.worker_id import new_worker_id as new_worker_id

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".broker_url": ["BrokerUrl"],
        ".brokers.backend": ["BrokerBackend"],
        ".enqueue_middleware": ["EnqueueMiddleware"],
        ".job": [
            "BatchRecord",
            "BrokerUnavailable",
            "Claim",
            "JobRecord",
            "JobState",
            "NewJob",
            "QueueCounts",
            "Settlement",
            "SettlementKind",
            "StoreUnavailable",
            "Totals",
        ],
        ".job_observer": ["JobObserver"],
        ".job_questions": ["JobQuestions"],
        ".queue_limits": ["Queue"],
        ".reports": ["FanOut", "Job", "JobId"],
        ".settings": ["TasksSettings"],
        ".stores.backend": ["StoreBackend"],
        ".stores.outbox": ["Outbox", "ReadyJob"],
        ".stores.store": ["JobStore"],
        ".task": ["Task"],
        ".tasks": ["Tasks"],
        ".worker.runner": ["JobRunner"],
        ".worker_id": ["new_worker_id"],
    },
)
