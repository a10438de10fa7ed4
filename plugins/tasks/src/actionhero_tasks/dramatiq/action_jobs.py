"""`ActionJobs`: the interface through which a broker creates jobs of actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import timedelta

    from actionhero_tasks.encryption import Encryption
    from actionhero_tasks.job import JobMessageFields, NewJob
    from actionhero_tasks.job_observer import JobCarriers, JobObservers


class ActionJobs(Protocol):
    """Creates jobs of actions: `JobFactory`, which is in an upper layer."""

    encryption: Encryption
    carriers: JobCarriers
    observers: JobObservers | None

    def create_from_message(
        self,
        action: str,
        inputs: Any,
        delay: timedelta,
        queue: str,
        priority: int | None,
        message: JobMessageFields,
    ) -> NewJob:
        """Validate the inputs of an action, and return its job.

        Raises:
            InvalidInput: The inputs are invalid.
        """
