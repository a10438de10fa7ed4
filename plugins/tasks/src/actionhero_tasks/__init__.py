"""Background jobs for ActionHero: an action says how by `task = Task(...)`, and `Tasks` enqueues.

Importing this imports neither dramatiq nor APScheduler: to declare a task costs nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_tasks.job import JobState as JobState
    from actionhero_tasks.reports import FanOut as FanOut
    from actionhero_tasks.reports import Job as Job
    from actionhero_tasks.settings import TasksSettings as TasksSettings
    from actionhero_tasks.task import Task as Task
    from actionhero_tasks.tasks import Tasks as Tasks

__all__ = ["FanOut", "Job", "JobState", "Task", "Tasks", "TasksSettings"]

_HOME = {
    "FanOut": "reports",
    "Job": "reports",
    "JobState": "job",
    "Task": "task",
    "Tasks": "tasks",
    "TasksSettings": "settings",
}


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_tasks' has no attribute {name!r}")
    return getattr(importlib.import_module(f"actionhero_tasks.{module}"), name)
