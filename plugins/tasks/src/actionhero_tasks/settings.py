"""The knobs of background jobs: section `tasks`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from pydantic import PlainValidator, SecretStr

from actionhero import Field, Settings
from actionhero_tasks.broker_url import FORMS, BrokerUrl


def _read_url(given: Any) -> BrokerUrl:
    if isinstance(given, BrokerUrl):
        return given
    if not isinstance(given, str):
        raise ValueError(f"it should be a text; there are: {FORMS}")
    return BrokerUrl.parse(given)


class TasksSettings(Settings):
    """Where jobs are kept, and how they run."""

    section: ClassVar[str] = "tasks"

    store: Literal["auto", "embedded", "redis"] = Field(
        default="auto",
        description="Where jobs are kept: in a file of the data folder (embedded), or in the Redis "
        "of the application. auto: redis where redis.url is set, else embedded.",
    )
    broker_url: Annotated[BrokerUrl, PlainValidator(_read_url)] | None = Field(
        default=None,
        description="Where jobs that are ready wait for a worker: amqp:// or amqps:// (RabbitMQ), "
        "or postgresql://. Not set: in the store, where all jobs are kept in any case.",
    )
    run_in_server: bool | None = Field(
        default=None,
        description="Whether the servers run jobs and schedules too, so that no worker is needed. "
        "By default they do with the embedded store.",
    )
    queues: list[str] = Field(
        default_factory=list,
        description="The queues that a worker takes jobs from. By default from all.",
    )
    concurrency: int = Field(
        default=64, ge=1, description="How many jobs one worker process runs at once."
    )
    processes: int = Field(
        default=1,
        ge=1,
        description="How many processes `actionhero worker` starts. One that ends is replaced.",
    )
    health_address: str | None = Field(
        default=None,
        pattern=r"^(.+:)?\d{1,5}$",
        description="Where `actionhero worker` answers /livez and /readyz over HTTP: a port of "
        "127.0.0.1, or a host and a port, such as 0.0.0.0:8081. By default nowhere.",
    )
    scheduler: bool = Field(
        default=False,
        description="Whether workers enqueue actions that recur, so that no scheduler is needed.",
    )
    retries: int = Field(default=5, ge=0, description="How often a job that failed is tried again.")
    backoff: timedelta = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="How long to wait before the first of the retries; twice as long each time, "
        "and up to a half more by chance.",
    )
    max_backoff: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(0),
        description="The longest wait between two retries, before chance.",
    )
    result_ttl: timedelta = Field(
        default=timedelta(days=1),
        gt=timedelta(0),
        description="How long a job that is done, and its result, is remembered.",
    )
    deduplication_window: timedelta = Field(
        default=timedelta(days=1),
        gt=timedelta(0),
        description="For how long a job with the key of another is none.",
    )
    page: str = Field(
        default="/tasks",
        pattern=r"^$|^(/[A-Za-z0-9._~-]+)+$",
        description="The path of the page for operators, on the HTTP server. Empty for none.",
    )
    operator_password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="What operators sign in with on the page. Not set: in development the page is "
        "shown to this machine alone; elsewhere there is none.",
    )
    operator_session: timedelta = Field(
        default=timedelta(hours=12),
        ge=timedelta(seconds=1),
        description="After which time operators sign in again.",
    )
    user_key: str = Field(
        default="userId",
        min_length=1,
        description="The key of a session under which its user is. Jobs run with a session that "
        "has it, on behalf of who enqueued them.",
    )
