"""The hooks that contribute stores and brokers, and the settings that select one of them."""

from __future__ import annotations

import importlib.util
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

import actionhero_db.plugin
import actionhero_redis.plugin
import actionhero_tasks.plugin
from actionhero import Action, App, BootError, RunMode, hookimpl
from actionhero.settings.sources import read_sources
from actionhero_tasks import Tasks, TasksSettings
from actionhero_tasks.brokers.backend import BrokerBackend
from actionhero_tasks.store_factory import open_store, select_store
from actionhero_tasks.stores.backend import StoreBackend
from actionhero_tasks.stores.sqlite.store import SqliteStore

if TYPE_CHECKING:
    from pathlib import Path

    from dramatiq import Broker

    from actionhero import Application
    from actionhero_tasks.broker_url import BrokerUrl
    from actionhero_tasks.stores.outbox import Outbox
    from actionhero_tasks.stores.store import JobStore


class PlainStore(SqliteStore):
    """A store that supports no broker."""

    def outbox(self) -> Outbox | None:  # type: ignore[override]
        return None


class PlainBackend(StoreBackend):
    """Stores jobs in a file of its own."""

    name: ClassVar[str] = "plain"
    place: ClassVar[str] = "a plain file"
    requirement: ClassVar[str] = "plain-jobs[file]"

    def __init__(self, folder: Path, *, reason: str | None = None, is_auto: bool = False) -> None:
        self._folder = folder
        self._reason = reason
        self._is_auto = is_auto

    def unavailable_reason(self, app: Application) -> str | None:
        return self._reason

    def is_configured(self, app: Application) -> bool:
        return self._is_auto

    def open(self, app: Application) -> JobStore:
        return PlainStore(self._folder, result_ttl_ms=60_000)


class TinBackend(BrokerBackend):
    """A broker that is never opened."""

    title: ClassVar[str] = "Tin"
    schemes: ClassVar[frozenset[str]] = frozenset({"tin", "tins"})
    form: ClassVar[str] = "tin://host"

    def open(self, app: Application, url: BrokerUrl) -> Broker:
        raise NotImplementedError


def plugin(*, stores: Any = (), brokers: Any = ()) -> Any:
    """A plugin that contributes stores and brokers."""

    @hookimpl
    def actionhero_tasks_stores() -> list[StoreBackend]:
        return list(stores)

    @hookimpl
    def actionhero_tasks_brokers() -> list[BrokerBackend]:
        return list(brokers)

    return SimpleNamespace(
        actionhero_tasks_stores=actionhero_tasks_stores,
        actionhero_tasks_brokers=actionhero_tasks_brokers,
    )


class Work(Action):
    name = "work"

    async def run(self) -> str:
        return "done"


async def test_a_store_of_a_plugin_is_selected_by_its_name(tasks_app: Any, tmp_path: Path) -> None:
    """And, as it is shared, servers run no jobs."""
    plugins = (plugin(stores=[PlainBackend(tmp_path / "plain")]),)

    async with tasks_app(Work, plugins=plugins, store="plain") as app:
        tasks = app.get(Tasks)
        id = await tasks.enqueue(Work)

        assert isinstance(tasks.store, PlainStore)
        assert (await tasks.job(id)).state == "ready"
        assert app.app.servers == []


async def test_a_configured_store_of_a_plugin_is_selected_automatically(
    tasks_app: Any, tmp_path: Path
) -> None:
    """As Redis is if there is a URL."""
    plugins = (plugin(stores=[PlainBackend(tmp_path / "plain", is_auto=True)]),)

    async with tasks_app(plugins=plugins) as app:
        assert isinstance(app.get(Tasks).store, PlainStore)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        pytest.param(
            {"store": "mongo"},
            "tasks.store is 'mongo', which no plugin provides; available: auto, "
            r"redis \(pip install actionhero-tasks\[redis\]\), "
            r"postgres \(pip install actionhero-tasks\[postgres\]\), embedded, "
            r"plain \(pip install plain-jobs\[file\]\)",
            id="unknown store",
        ),
        pytest.param(
            {"store": "redis"},
            "tasks.store is 'redis', and actionhero-redis is not installed, or in "
            r"plugins.disabled; pip install actionhero-tasks\[redis\]",
            id="store without a driver",
        ),
        pytest.param(
            {"store": "plain"},
            r"tasks.store is 'plain', and its driver is missing; pip install plain-jobs\[file\]",
            id="store of a plugin without a driver",
        ),
        pytest.param(
            {"broker_url": "http://ada:hunter2@host"},
            "the scheme 'http' of tasks.broker_url is unknown; available: "
            r"amqp://user:password@host:5672/vhost, .*, tin://host",
            id="unknown scheme",
        ),
        pytest.param(
            {"broker_url": "amqp://one;tin://two"},
            "tasks.broker_url has several URLs that are not one broker",
            id="two brokers",
        ),
        pytest.param(
            {"broker_url": "tin://one;tins://two"},
            "tasks.broker_url has several URLs that are not one broker",
            id="several URLs of a broker that supports one",
        ),
    ],
)
async def test_an_unknown_store_or_broker_is_an_error_at_the_start(
    tasks_app: Any, tmp_path: Path, settings: dict[str, str], message: str
) -> None:
    """It lists the available ones, and the packages to install."""
    backend = PlainBackend(tmp_path, reason="its driver is missing")
    plugins = (plugin(stores=[backend], brokers=[TinBackend()]),)

    with pytest.raises(BootError, match=message) as raised:
        async with tasks_app(plugins=plugins, **settings):
            pass

    assert "hunter2" not in str(raised.value)


async def test_a_broker_without_its_driver_is_an_error_at_the_start(
    tasks_app: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the extra that installs it."""
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "pika" else find_spec(name)
    )

    with pytest.raises(
        BootError,
        match="tasks.broker_url is a URL of RabbitMQ, and 'pika' is not installed; "
        r"pip install actionhero-tasks\[rabbitmq\]",
    ):
        async with tasks_app(broker_url="amqp://host"):
            pass


async def test_two_stores_or_brokers_of_one_name_are_an_error(
    tasks_app: Any, tmp_path: Path
) -> None:
    """That names both."""
    twice = [plugin(stores=[PlainBackend(tmp_path)], brokers=[TinBackend()]) for _ in range(2)]

    with pytest.raises(BootError) as raised:
        async with tasks_app(plugins=twice, store="plain", broker_url="tin://host"):
            pass

    assert "'plain' of actionhero_tasks_stores is contributed twice, by " in str(raised.value)
    assert "'tin' of actionhero_tasks_brokers is contributed twice, by " in str(raised.value)
    assert str(raised.value).count("PlainBackend, ") == 2


async def test_a_broker_requires_a_store_that_supports_brokers(
    tasks_app: Any, tmp_path: Path
) -> None:
    """Otherwise jobs would never be delivered."""
    plugins = (plugin(stores=[PlainBackend(tmp_path)]),)

    with pytest.raises(BootError, match="the store 'plain' supports no broker; remove the URL"):
        async with tasks_app(plugins=plugins, store="plain", broker_url="amqp://127.0.0.1:1"):
            pass


async def test_backends_are_collected_once(tasks_app: Any, tmp_path: Path) -> None:
    """However often stores are opened."""
    calls = []

    @hookimpl
    def actionhero_tasks_stores() -> list[StoreBackend]:
        calls.append(1)
        return []

    plugins = (SimpleNamespace(actionhero_tasks_stores=actionhero_tasks_stores),)
    async with tasks_app(plugins=plugins) as app:
        open_store(app.app).close()

    assert calls == [1]


POSTGRES = {"DATABASE_URL": "postgres://ada:hunter2@127.0.0.1:1/shop"}
REDIS = {"REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.mark.parametrize(
    ("environ", "settings", "name"),
    [
        pytest.param({}, {}, "embedded", id="neither"),
        pytest.param(POSTGRES, {}, "postgres", id="PostgreSQL"),
        pytest.param({"DATABASE_URL": "sqlite:///a.sqlite3"}, {}, "embedded", id="SQLite"),
        pytest.param({**POSTGRES, **REDIS}, {}, "redis", id="both"),
        pytest.param({**POSTGRES, **REDIS}, {"store": "postgres"}, "postgres", id="by name"),
    ],
)
async def test_the_urls_select_the_store(
    tmp_path: Path, environ: dict[str, str], settings: dict[str, Any], name: str
) -> None:
    """Redis before PostgreSQL before the file."""
    plugins = [actionhero_db.plugin, actionhero_redis.plugin, actionhero_tasks.plugin]
    sources = read_sources(tmp_path, environ=environ)
    app = App.from_plugins(plugins, sources, RunMode.CLI, [TasksSettings(**settings)])

    assert select_store(app).name == name


@pytest.mark.parametrize(
    ("plugins", "environ", "message"),
    [
        pytest.param(
            [],
            POSTGRES,
            "tasks.store is 'postgres', and actionhero-db is not installed, or in "
            r"plugins.disabled; pip install actionhero-tasks\[postgres\]$",
            id="without actionhero-db",
        ),
        pytest.param(
            [actionhero_db.plugin],
            {"DATABASE_URL": "sqlite:///a.sqlite3"},
            "tasks.store is 'postgres', and DATABASE_URL is not the URL of a PostgreSQL database; "
            "set it, such as postgres://user:password@host:5432/name$",
            id="with SQLite",
        ),
    ],
)
async def test_the_postgres_store_requires_a_postgres_url(
    tmp_path: Path, plugins: list[Any], environ: dict[str, str], message: str
) -> None:
    """The error has the remedy."""
    sources = read_sources(tmp_path, environ=environ)
    settings = [TasksSettings(store="postgres")]
    app = App.from_plugins([*plugins, actionhero_tasks.plugin], sources, RunMode.CLI, settings)

    with pytest.raises(BootError, match=message):
        select_store(app)


async def test_production_requires_a_server_or_the_name_of_the_file_store(tmp_path: Path) -> None:
    """The error has all three remedies."""
    sources = read_sources(tmp_path, environ={"ACTIONHERO_ENV": "production"})
    app = App.from_plugins([actionhero_tasks.plugin], sources, RunMode.CLI)

    with pytest.raises(BootError) as raised:
        select_store(app)

    for remedy in ("set REDIS_URL", "or DATABASE_URL", "ACTIONHERO_TASKS__STORE=embedded"):
        assert remedy in str(raised.value)


async def test_the_schema_of_the_postgres_store_is_configurable(
    tasks_app: Any, postgres_url: str
) -> None:
    """Such as if an administrator has created it."""
    async with tasks_app(
        plugins=(actionhero_db.plugin,),
        environ={"DATABASE_URL": postgres_url},
        postgres_schema="background",
    ) as app:
        tables = await app.get(Tasks).use(
            lambda store: store._rows("SELECT schemaname FROM pg_tables WHERE tablename = 'jobs'")
        )

    assert [tuple(row) for row in tables] == [("background",)]
