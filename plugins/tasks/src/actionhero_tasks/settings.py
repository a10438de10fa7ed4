"""The settings of background jobs: section `tasks`."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, ClassVar

from pydantic import PlainValidator, SecretStr, field_validator

from actionhero import Field, Settings
from actionhero_tasks.broker_url import BrokerUrl


def _parse_url(value: Any) -> BrokerUrl:
    if isinstance(value, BrokerUrl):
        return value
    if not isinstance(value, str):
        raise ValueError("it should be a string, such as amqp://host:5672")
    return BrokerUrl.parse(value)


class TasksSettings(Settings):
    """The job store, and how jobs run."""

    section: ClassVar[str] = "tasks"

    store: str = Field(
        default="auto",
        description="The job store: a file in the data folder (embedded), the Redis of the "
        "application (redis), its PostgreSQL database (postgres), or a store of a plugin, by its "
        "name. auto: redis if redis.url is set, postgres if db.url is that of PostgreSQL, "
        "otherwise embedded.",
    )
    postgres_schema: str | None = Field(
        default=None,
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="The schema of the job store in PostgreSQL, which creates it. Not set: the "
        "name of the application, followed by _tasks.",
    )
    broker_url: Annotated[BrokerUrl, PlainValidator(_parse_url)] | None = Field(
        default=None,
        description="The broker that delivers ready jobs to workers: amqp:// or amqps:// "
        "(RabbitMQ), or a scheme of a plugin. By default workers poll the store, "
        "which contains all jobs in any case.",
    )
    run_in_server: bool | None = Field(
        default=None,
        description="Whether servers run jobs and schedules too, so that no worker is needed. "
        "By default only with the embedded store.",
    )
    queues: list[str] = Field(
        default_factory=list,
        description="The queues from which a worker takes jobs. By default all.",
    )
    concurrency: int = Field(
        default=64, ge=1, description="How many jobs a worker process runs concurrently."
    )
    processes: int = Field(
        default=1,
        ge=1,
        description="How many processes `actionhero worker` starts. A process that ends is "
        "replaced.",
    )
    reload: bool = Field(
        default=False,
        description="Whether `actionhero worker` restarts its processes when the application's "
        "code or settings change. For development.",
    )
    publish_progress: bool = Field(
        default=True,
        description="Whether the progress of a job is published on its channel `job:{id}`, to the "
        "user who enqueued it, if actionhero-channels is active.",
    )
    health_address: str | None = Field(
        default=None,
        pattern=r"^(.+:)?\d{1,5}$",
        description="Where `actionhero worker` serves /livez and /readyz over HTTP: a port of "
        "127.0.0.1, or a host and a port, such as 0.0.0.0:8081. Not set: no health endpoints.",
    )
    scheduler: bool = Field(
        default=False,
        description="Whether workers enqueue recurring actions, so that no scheduler is needed.",
    )
    retries: int = Field(default=5, ge=0, description="How often a failed job is retried.")
    backoff: timedelta = Field(
        default=timedelta(seconds=10),
        ge=timedelta(0),
        description="The delay before the first retry. It doubles with each retry; random "
        "jitter of up to 50 % is added.",
    )
    max_backoff: timedelta = Field(
        default=timedelta(hours=1),
        ge=timedelta(0),
        description="The longest delay between two retries, before jitter.",
    )
    result_ttl: timedelta = Field(
        default=timedelta(days=1),
        gt=timedelta(0),
        description="How long a job and its result are stored after it is done.",
    )
    deduplication_window: timedelta = Field(
        default=timedelta(days=1),
        gt=timedelta(0),
        description="How long a deduplication key suppresses further jobs.",
    )
    page: str = Field(
        default="/tasks",
        pattern=r"^$|^(/[A-Za-z0-9._~-]+)+$",
        description="The path of the operator page on the HTTP server. Empty: no page.",
    )
    operator_password: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="The password of the operator page. Without one, the page is available in "
        "development only, to clients on the same machine.",
    )
    operator_session: timedelta = Field(
        default=timedelta(hours=12),
        ge=timedelta(seconds=1),
        description="How long an operator stays signed in.",
    )
    user_key: str = Field(
        default="userId",
        min_length=1,
        description="The session key of the user id. A job runs with a session that has the user "
        "id of the call that enqueued it.",
    )

    @field_validator("queues")
    @classmethod
    def _without_duplicates(cls, queues: list[str]) -> list[str]:
        return list(dict.fromkeys(queues))

    @property
    def result_ttl_ms(self) -> int:
        """`result_ttl` in milliseconds."""
        return int(self.result_ttl.total_seconds() * 1000)
