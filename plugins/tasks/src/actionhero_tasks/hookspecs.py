"""The hooks of background jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import hookspec

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from dramatiq import Middleware

    from actionhero import Application
    from actionhero_tasks.brokers.backend import BrokerBackend
    from actionhero_tasks.enqueue_middleware import EnqueueMiddleware
    from actionhero_tasks.job_observer import JobObserver
    from actionhero_tasks.job_questions import JobQuestions
    from actionhero_tasks.stores.backend import StoreBackend


@hookspec
def actionhero_tasks_middleware(app: Application) -> Sequence[Middleware] | None:
    """Middleware of dramatiq, for jobs of actions and of actors.

    Called once in each process that enqueues or runs jobs. The middleware receives every signal of
    dramatiq. For actions the event loop calls it, so it must not block. A middleware with an
    attribute whose name contains `backend`, or that interrupts threads, is called in a thread that
    waits for the action; so is every one if one of them is. Set the attribute `runs_on_event_loop`
    of a middleware to `True` or `False` to choose. For actors, it is always called in their thread.

    dramatiq's default middleware is added, unless a plugin returns one of the same class. Its
    retries, time limits and shutdown notifications apply to actors only: actions have a `Task`.

    Args:
        app: The application.

    Returns:
        Instances of subclasses of `dramatiq.Middleware`.

    Order:
        Plugins in the order in which they were registered, after dramatiq's default middleware; the
        first middleware is the outermost.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_middleware(app):
            return [JobTimes(app.get(Meter))]
        ```
    """


@hookspec
def actionhero_tasks_enqueue_middleware(app: Application) -> Sequence[EnqueueMiddleware] | None:
    """Return middleware around the enqueueing of jobs, such as for quotas or audits.

    Called once in each process that enqueues jobs, before the first one. To pass values to the
    worker with the message of a job, use `before_enqueue` of dramatiq's middleware instead.

    Args:
        app: The application.

    Returns:
        Instances of subclasses of `EnqueueMiddleware`.

    Order:
        Plugins in the order of registration; the first middleware is the outermost.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_enqueue_middleware(app):
            return [Quota(app.get(QuotaSettings))]
        ```
    """


@hookspec
def actionhero_tasks_carriers(
    app: Application,
) -> Sequence[Callable[[], Mapping[str, str]]] | None:
    """Return functions whose result is the `call.carrier` of jobs, such as trace fields.

    The hook is called once in each process that enqueues jobs. The functions are called in the
    context of the code that enqueues: once for each call of `enqueue` and `enqueue_many`, each
    batch of a fan-out, each time of a schedule, and each message of dramatiq. Without any, an
    enqueueing costs nothing more.

    Args:
        app: The application.

    Returns:
        Functions that return texts by name: `traceparent`, `tracestate`. The results travel in the
        message of the job. They must not be secret.

    Order:
        Plugins in the order of registration; of two fields with one name, the last.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_carriers():
            return [lambda: {"traceparent": current_traceparent()}]
        ```
    """


@hookspec
def actionhero_tasks_observers(app: Application) -> Sequence[JobObserver] | None:
    """Return observers of jobs, such as for traces: of their enqueueing, and of their runs.

    Called once in each process that enqueues or runs jobs. Without any, a job costs nothing more.

    Args:
        app: The application.

    Returns:
        Objects with the methods of `JobObserver`.

    Order:
        Plugins in the order of registration; at the end of an enqueueing or a run, the reverse.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_observers(app):
            return [QueueTimes(app.get(MetricSettings))]
        ```
    """


@hookspec
def actionhero_tasks_questions(app: Application) -> Sequence[JobQuestions] | None:
    """Return what asks the users of jobs, so that `call.ask` works in a job.

    Called once in each process that runs jobs.

    Args:
        app: The application.

    Returns:
        Instances of subclasses of `JobQuestions`. Without one, `call.ask` is an error in a job.

    Order:
        Plugins in the order of registration; the first instance is used.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_questions(app):
            return [QuestionsByMail(app.get(MailSettings))]
        ```
    """


@hookspec
def actionhero_tasks_stores(app: Application) -> Sequence[StoreBackend] | None:
    """Return the kinds of job stores of a plugin, which `tasks.store` selects by name.

    Called once, while the application loads. The modules of the backends must not import a driver.

    Args:
        app: The application.

    Returns:
        Instances of subclasses of `StoreBackend`. Two with one name are an error that names both
        plugins.

    Order:
        Plugins in the order of registration: `tasks.store = "auto"` selects the first store that
        is configured.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_stores():
            from jobs_in_mongo.backend import MongoBackend

            return [MongoBackend()]
        ```
    """


@hookspec
def actionhero_tasks_brokers(app: Application) -> Sequence[BrokerBackend] | None:
    """Return the kinds of brokers of a plugin, which `tasks.broker_url` selects by its scheme.

    Called once, and only if there is a `tasks.broker_url`.

    Args:
        app: The application.

    Returns:
        Instances of subclasses of `BrokerBackend`. Two with one scheme are an error that names both
        plugins.

    Order:
        Plugins in the order of registration; it makes no difference.

    Example:
        ```python
        @hookimpl
        def actionhero_tasks_brokers():
            from jobs_over_sqs.backend import SqsBackend

            return [SqsBackend()]
        ```
    """
