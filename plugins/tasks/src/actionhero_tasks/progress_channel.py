"""`JobChannel`: the channel of a job, on which its progress is published.

This module needs actionhero-channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

from actionhero import ChannelRefused, NotFound
from actionhero.transport import is_no_user
from actionhero_channels import Channel, Subscription
from actionhero_tasks.settings import TasksSettings
from actionhero_tasks.tasks import Tasks

if TYPE_CHECKING:
    from actionhero import Application


class JobEvent(TypedDict):
    """The progress of a job, or its state after a run."""

    state: str
    done: float | None
    total: float | None


class JobChannel(Channel):
    """The progress of a job, for the user of the call that enqueued it."""

    name = "job:{id}"
    message = JobEvent

    async def authorize(self, subscription: Subscription) -> None:
        """Refuse other users, and jobs without a user."""
        user = subscription.session.get(subscription.get(TasksSettings).user_key)
        try:
            enqueued_by = await subscription.get(Tasks).user_of(subscription.params["id"])
        except NotFound:
            enqueued_by = None
        # The same error for unknown jobs: others must not learn which ids exist.
        if is_no_user(user) or enqueued_by != user:
            raise ChannelRefused("Only the user who enqueued the job may subscribe to it")

    async def presence_key(self, subscription: Subscription) -> str | None:
        """Hide subscribers from one another."""
        return None


def channels_for(app: Application) -> list[type[Any]]:
    """Return the channel of jobs, unless the settings disable it."""
    if app.has_invalid_settings or not app.get(TasksSettings).publish_progress:
        return []
    return [JobChannel]
