"""`PostgresStore`."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from actionhero import BootError
from actionhero_db.testing import ThrowAwayPostgres, throw_away_postgres
from actionhero_tasks.job import InvalidText, JobState, SettlementKind, StoreUnavailable
from actionhero_tasks.queue_limits import QueueLimit
from actionhero_tasks.stores.postgres import store as store_module
from actionhero_tasks.stores.postgres.installation import VERSION, Installation
from actionhero_tasks.stores.postgres.schema import schema_name
from actionhero_tasks.stores.postgres.store import PostgresStore
from actionhero_tasks.testing import StoreContract, new_job, new_settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator

    from actionhero_tasks.job import Claim
    from actionhero_tasks.stores.store import JobStore

_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[ThrowAwayPostgres]:
    with throw_away_postgres() as server:
        yield server


@pytest.fixture
def own_server() -> Iterator[ThrowAwayPostgres]:
    """A server for one test, which persists every commit."""
    with throw_away_postgres({"synchronous_commit": "on"}) as server:
        yield server


def options_of(server: ThrowAwayPostgres, **options: Any) -> dict[str, Any]:
    address = {"host": "127.0.0.1", "port": server.port}
    return {**address, "user": "postgres", "database": "postgres", **options}


def query(server: ThrowAwayPostgres, sql: str) -> list[Any]:
    """Run a statement on another connection."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(**options_of(server))
        try:
            return [tuple(row) for row in await connection.fetch(sql)]
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(asyncio.run, run()).result()


@pytest.fixture
def schema() -> str:
    return f"test_{next(_numbers)}"


@pytest.fixture
def open_store(server: ThrowAwayPostgres, schema: str) -> Iterator[Callable[..., PostgresStore]]:
    """Return a function that opens a store, which is closed after the test."""
    opened: list[PostgresStore] = []

    def open_store(**options: Any) -> PostgresStore:
        options = {"result_ttl_ms": 60_000, "lease_ms": 60_000, **options}
        opened.append(PostgresStore(options_of(server), schema, **options))
        return opened[-1]

    yield open_store
    for store in opened:
        store.close()


@pytest.fixture
def store(open_store: Callable[..., PostgresStore]) -> PostgresStore:
    store = open_store()
    store.register_worker("one")
    return store


def run_in_loop(store: PostgresStore, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine, and close the connection of its event loop."""

    async def run() -> Any:
        try:
            return await main()
        finally:
            store._enqueuer.close()
            await asyncio.sleep(0)

    return asyncio.run(run())


class TestPostgresStore(StoreContract):
    """`StoreContract` with PostgreSQL."""

    @pytest.fixture
    def open_store(self, server: ThrowAwayPostgres) -> Callable[[], JobStore]:
        schema = f"suite_{next(_numbers)}"
        return lambda: PostgresStore(
            options_of(server), schema, result_ttl_ms=60_000, lease_ms=60_000
        )

    @pytest.fixture
    def kill_worker(self) -> Callable[[JobStore, str], None]:
        def kill_worker(store: JobStore, worker_id: str) -> None:
            assert isinstance(store, PostgresStore)
            store._value("UPDATE tasks.workers SET until_ms = 0 WHERE id = $1", worker_id)

        return kill_worker

    @pytest.fixture
    def advance_clock(self) -> Callable[[JobStore, int], None]:
        def advance_clock(store: JobStore, milliseconds: int) -> None:
            assert isinstance(store, PostgresStore)
            store._value("UPDATE tasks.workers SET until_ms = until_ms - $1", milliseconds)
            store._value("UPDATE tasks.sweeps SET last_ms = last_ms - $1", milliseconds)

        return advance_clock


# -- the tables --------------------------------------------------------------------------------


def test_concurrent_processes_create_the_tables_once(
    open_store: Callable[..., PostgresStore],
) -> None:
    """One waits for the lock of the other."""
    with ThreadPoolExecutor(8) as executor:
        stores = [future.result() for future in [executor.submit(open_store) for _ in range(8)]]

    job = new_job()
    stores[0].add([job])
    assert all(store.find(job.id) is not None for store in stores)


@pytest.fixture
def next_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Return a function that replaces the release by the next version, which renames a table.

    Its argument is the migration.
    """
    folder = tmp_path / "sql"

    def release(migration: str) -> None:
        shutil.copytree(Path(store_module.__file__).parent / "sql", folder)
        for file in folder.glob("*.sql"):
            file.write_text(file.read_text().replace("tasks.starts", "tasks.job_starts"))
        (folder / "migrations").mkdir(exist_ok=True)
        (folder / "migrations" / f"{NEXT}.sql").write_text(migration)
        monkeypatch.setattr(
            store_module, "Installation", lambda schema: Installation(schema, NEXT, folder)
        )

    return release


#: The version after that of this release.
NEXT = VERSION + 1
RENAME = "ALTER TABLE tasks.starts RENAME TO job_starts;"


def use_starts(store: PostgresStore) -> int:
    """Return how many of two jobs start, of which the limit allows one."""
    store.queue_limits = {"mail": QueueLimit(rate=1, period_ms=3_600_000)}
    store.register_worker("one")
    store.add([new_job(queue="mail"), new_job(queue="mail")])
    return len(store.settle_and_claim("one", None, 2)[0])


def test_a_newer_release_migrates_the_tables(
    open_store: Callable[..., PostgresStore],
    server: ThrowAwayPostgres,
    schema: str,
    next_version: Callable[[str], None],
) -> None:
    """Once, with their jobs; concurrent processes wait."""
    before = open_store()
    job = new_job(delay_ms=60_000)
    before.add([job])
    before.close()
    next_version(RENAME)

    with ThreadPoolExecutor(4) as executor:
        stores = [future.result() for future in [executor.submit(open_store) for _ in range(4)]]

    assert query(server, f'SELECT number FROM "{schema}".version') == [(NEXT,)]
    assert all(store.find(job.id) is not None for store in stores)
    assert use_starts(stores[0]) == 1
    assert query(server, f'SELECT count(*) FROM "{schema}".job_starts') == [(1,)]


def test_a_migration_keeps_functions_of_others(
    open_store: Callable[..., PostgresStore], server: ThrowAwayPostgres, schema: str
) -> None:
    """In the same schema, also under the name of a function of the store."""
    open_store().close()
    others = {"orders(text)", "cancel(integer)", "add(integer)", "most(integer)"}
    for name in ("orders(text)", "cancel(integer)", "add(integer)"):
        query(
            server, f'CREATE FUNCTION "{schema}".{name} RETURNS text LANGUAGE sql RETURN $1::text'
        )
    most = f'CREATE AGGREGATE "{schema}".most(integer) (SFUNC = int4larger, STYPE = integer)'
    query(server, most)
    query(server, f'UPDATE "{schema}".version SET number = 2')

    store = open_store()
    job = new_job()
    store.add([job])

    names = query(
        server,
        "SELECT proname || '(' || pg_get_function_arguments(oid) || ')' FROM pg_proc "
        f"WHERE pronamespace = '\"{schema}\"'::regnamespace",
    )
    assert others <= {name for (name,) in names}
    assert store.cancel(job.id)


def test_tables_of_the_first_version_are_migrated(
    open_store: Callable[..., PostgresStore], server: ThrowAwayPostgres, schema: str
) -> None:
    """They have no paused queues."""
    before = open_store()
    before.add([new_job(queue="mail")])
    before.close()
    query(server, f'DROP TABLE "{schema}".paused_queues')
    query(server, f'UPDATE "{schema}".version SET number = 1')

    store = open_store()
    store.pause_queue("mail")

    assert query(server, f'SELECT number FROM "{schema}".version') == [(VERSION,)]
    assert store.paused_queues() == ["mail"]
    assert store.settle_and_claim("worker", None, 1)[0] == []


def test_a_newer_release_creates_its_own_tables(
    open_store: Callable[..., PostgresStore],
    server: ThrowAwayPostgres,
    schema: str,
    next_version: Callable[[str], None],
) -> None:
    """Without the migrations."""
    next_version("SELECT 1 / 0;")

    store = open_store()

    assert use_starts(store) == 1
    assert query(server, f'SELECT number FROM "{schema}".version') == [(NEXT,)]


def test_a_failed_migration_changes_nothing(
    open_store: Callable[..., PostgresStore],
    server: ThrowAwayPostgres,
    schema: str,
    next_version: Callable[[str], None],
) -> None:
    """The older release continues."""
    store = open_store()
    next_version(f"{RENAME} SELECT missing();")

    with pytest.raises(StoreUnavailable, match=r"missing\(\) does not exist"):
        open_store()

    assert query(server, f'SELECT number FROM "{schema}".version') == [(VERSION,)]
    assert use_starts(store) == 1


def test_an_older_release_refuses_the_tables_of_a_newer_one(
    open_store: Callable[..., PostgresStore], server: ThrowAwayPostgres, schema: str
) -> None:
    """The error has both versions."""
    open_store()
    query(server, f'UPDATE "{schema}".version SET number = {NEXT}')

    with pytest.raises(
        BootError,
        match=rf"version {NEXT}, and this release of actionhero-tasks uses version {VERSION}; ",
    ) as raised:
        open_store()

    assert raised.value.exit_code == 78


def test_other_roles_cannot_migrate_the_tables(
    server: ThrowAwayPostgres, next_version: Callable[[str], None]
) -> None:
    """The error has the remedy."""
    schema = f"owned_{next(_numbers)}"
    PostgresStore(options_of(server), schema, result_ttl_ms=1).close()
    query(server, "CREATE ROLE tenant LOGIN")
    query(server, f'GRANT USAGE ON SCHEMA "{schema}" TO tenant')
    query(server, f'GRANT SELECT ON ALL TABLES IN SCHEMA "{schema}" TO tenant')
    next_version(RENAME)

    with pytest.raises(BootError, match="start this release once as the role that created it"):
        PostgresStore(options_of(server, user="tenant"), schema, result_ttl_ms=1)


def test_a_user_without_permissions_gets_the_statement_to_run(server: ThrowAwayPostgres) -> None:
    """As an administrator may."""
    query(server, "CREATE ROLE guest LOGIN")

    with pytest.raises(BootError, match='CREATE SCHEMA IF NOT EXISTS "denied_tasks" AUTHORIZATION'):
        PostgresStore(options_of(server, user="guest"), "denied_tasks", result_ttl_ms=1)

    query(server, 'CREATE SCHEMA "denied_tasks" AUTHORIZATION guest')
    store = PostgresStore(options_of(server, user="guest"), "denied_tasks", result_ttl_ms=1)
    store.add([new_job()])
    store.close()


def test_applications_share_a_database(server: ThrowAwayPostgres) -> None:
    """Each has its own schema."""
    stores = [
        PostgresStore(options_of(server), schema_name(name), result_ttl_ms=1)
        for name in ("shop", "Shop", "book-shop")
    ]
    stores[0].add([new_job()])

    counts = [len(store.counts()) for store in stores]
    for store in stores:
        store.close()

    assert counts == [1, 0, 0]


@pytest.mark.parametrize(
    ("application", "schema"),
    [
        ("shop", "shop_tasks"),
        ("book-shop", "book-shop_tasks"),
        ("Book Shop", "book-shop-4c050f6a_tasks"),
        ("x" * 80, f"{'x' * 48}-d929cdee_tasks"),
        ("", "-e3b0c442_tasks"),
    ],
)
def test_the_schema_is_named_for_the_application(application: str, schema: str) -> None:
    """Names that differ in replaced characters only have different schemas."""
    assert schema_name(application) == schema
    assert len(schema) <= 63


def test_no_operation_reads_the_whole_table(
    store: PostgresStore, server: ThrowAwayPostgres, schema: str
) -> None:
    """With the plans of an empty table too, whose statistics have never been updated."""

    def use_everything() -> None:
        jobs = [new_job(queue="abc"[number % 3], priority=number % 2) for number in range(300)]
        store.add(jobs)
        store.add([new_job(key="k", deduplication_window_ms=1000, batch="b", delay_ms=1)])
        store.open_batch("b", new_job())
        store.last_fire_time("s", 0)
        store.enqueue_scheduled("s", 1, new_job(schedule="s"), overlap=False)
        claims, _ = store.settle_and_claim("one", ["a", "b"], 20)
        kinds = list(SettlementKind)
        settlements = [
            new_settlement(claim, kind, delay_ms=100_000)
            for claim, kind in zip(claims, itertools.cycle(kinds), strict=False)
        ]
        claims, _ = store.settle_and_claim("one", None, 20, settlements)
        for state in JobState:
            store.jobs(state)
            store.jobs(state, "a", before=100, limit=10)
            store.batch_jobs("b", state)
        dead = store.jobs(JobState.DEAD)
        store.retry(dead[0].id)
        store.discard(dead[1].id)
        store.cancel(jobs[-1].id)
        store.progress(claims[0].id, claims[0].token, 1, 2)
        store.counts()
        store.totals()
        store.worker_loads()
        outbox = store.outbox()
        ready = outbox.begin_sending(10)
        outbox.mark_sent([job.id for job in ready[:5]])
        outbox.mark_unsent([job.id for job in ready[5:]])
        outbox.claim("one", None, [ready[0].id])
        outbox.claim("one", None, [])
        outbox.reset_sent("a", store.now_ms() + 1, 10)
        outbox.reset_stale(store.now_ms() + 1)
        outbox.sent_counts()
        store.remove_worker("one", crashed=True)
        store.register_worker("one")
        store.sweep()

    for _ in range(8):
        use_everything()
    query(server, f'ANALYZE "{schema}".jobs')
    use_everything()
    # Statistics are written when the connection is idle, or at its end.
    store.close()
    [(scans,)] = query(
        server,
        "SELECT seq_scan FROM pg_stat_user_tables "
        f"WHERE schemaname = '{schema}' AND relname = 'jobs'",
    )

    # By the creation of the indexes, and by `ANALYZE`.
    [(indexes,)] = query(
        server,
        f"SELECT count(*) FROM pg_indexes WHERE schemaname = '{schema}' AND tablename = 'jobs'",
    )
    assert scans <= indexes


# -- workers -----------------------------------------------------------------------------------


def test_a_worker_without_heartbeats_is_removed_after_its_lease(
    open_store: Callable[..., PostgresStore],
) -> None:
    """By the clock of the database. Heartbeats extend the lease."""
    store = open_store(lease_ms=400)
    store.register_worker("silent")
    store.register_worker("one")
    store.add([new_job()])
    [claim] = store.settle_and_claim("silent", None, 1)[0]
    stopped = threading.Event()

    def send_heartbeats() -> None:
        while not stopped.wait(0.02):
            store.record_heartbeat("silent")

    thread = threading.Thread(target=send_heartbeats)
    thread.start()
    start = store.now_ms()
    while store.now_ms() < start + 800:
        assert store.sweep() == 0
    stopped.set()
    thread.join()

    while not store.sweep():
        pass
    [again] = store.settle_and_claim("one", None, 1)[0]
    _, rejected = store.settle_and_claim("silent", None, 0, [new_settlement(claim)])

    assert (again.id, rejected) == (claim.id, [claim.id])


def test_a_step_without_a_reply_is_repeated_with_the_same_claims(store: PostgresStore) -> None:
    """Its settlements are accepted again, and later jobs are not claimed by it."""
    store.add([new_job() for _ in range(3)])
    [first] = store.settle_and_claim("one", None, 1)[0]
    settlements = [new_settlement(first)]
    number = store._steps.current("one")
    claims, rejected = store.settle_and_claim("one", None, 1, settlements)

    store._steps._numbers["one"] = number
    repeated = store.settle_and_claim("one", None, 10, settlements)

    assert (len(claims), rejected) == (1, [])
    assert repeated == (claims, [])
    assert store.totals().done == 1
    assert len(store.settle_and_claim("one", None, 10)[0]) == 1


def test_a_claim_by_id_without_a_reply_is_repeated_by_the_next_step(store: PostgresStore) -> None:
    """As by a worker that a message broker delivers jobs to, with the limit 0."""
    job = new_job()
    store.add([job])
    outbox = store.outbox()
    number = store._steps.current("one")
    claims = outbox.claim("one", None, [job.id])

    store._steps._numbers["one"] = number
    repeated = store.settle_and_claim("one", None, 0)

    assert [claim.id for claim in claims] == [job.id]
    assert repeated == (claims, [])
    assert outbox.claim("one", None, [job.id]) == []


def test_a_late_step_claims_nothing(store: PostgresStore) -> None:
    """Such as one whose request reached a server that had been stopped."""
    number = store._steps.current("one")
    store.add([new_job() for _ in range(2)])
    [claim] = store.settle_and_claim("one", None, 1)[0]

    store._steps._numbers["one"] = number - 1
    late = store.settle_and_claim("one", None, 10)

    assert late == ([], [])
    assert [record.id for record in store.jobs(JobState.RUNNING)] == [claim.id]


def test_leases_are_extended_after_a_silence(
    store: PostgresStore, server: ThrowAwayPostgres, schema: str
) -> None:
    """No worker could report during an outage, so none is taken for crashed because of it."""
    store.add([new_job()])
    store.settle_and_claim("one", None, 1)
    query(server, f'UPDATE "{schema}".workers SET until_ms = 0')
    query(server, f'UPDATE "{schema}".sweeps SET last_ms = last_ms - 40000')

    counts = [store.sweep() for _ in range(3)]

    assert counts == [0, 0, 0]
    assert store.worker_loads() == {"one": 1}


def test_expired_results_keys_and_fan_outs_are_deleted(
    open_store: Callable[..., PostgresStore], server: ThrowAwayPostgres, schema: str
) -> None:
    """Dead letters are not."""
    store = open_store(result_ttl_ms=0)
    store.register_worker("one")
    store.open_batch("b", None)
    done, dead = (
        new_job(priority=priority, key=str(priority), deduplication_window_ms=1, batch="b")
        for priority in (-1, 0)
    )
    store.add([done, dead])
    claims, _ = store.settle_and_claim("one", None, 2)
    store.settle_and_claim(
        "one", None, 0, [new_settlement(claims[0]), new_settlement(claims[1], SettlementKind.DEAD)]
    )
    store.close_batch("b")

    ended_ms = store.batch("b").ended_ms  # type: ignore[union-attr]
    while store.now_ms() <= (ended_ms or 0):
        pass
    store.sweep()

    assert store.find(done.id) is None
    assert store.find(dead.id) is not None
    assert store.batch("b") is None
    assert query(server, f'SELECT count(*) FROM "{schema}".keys') == [(0,)]


def test_counts_are_merged(store: PostgresStore, server: ThrowAwayPostgres, schema: str) -> None:
    """By a sweep, which does not change them."""
    for number in range(20):
        store.add([new_job(queue="ab"[number % 2], delay_ms=60_000 * (number % 3))])
    before = store.counts()

    store.sweep()
    after = store.counts()

    assert [(c.queue, c.ready, c.delayed) for c in before] == [("a", 4, 6), ("b", 3, 7)]
    assert [(c.queue, c.ready, c.delayed) for c in after] == [("a", 4, 6), ("b", 3, 7)]
    assert query(server, f'SELECT count(*) FROM "{schema}".count_changes') == [(0,)]


# -- outages -----------------------------------------------------------------------------------


def test_jobs_survive_a_killed_server(own_server: ThrowAwayPostgres) -> None:
    """During the outage the store raises `StoreUnavailable`, and works after it."""
    store = PostgresStore(options_of(own_server), "jobs", result_ttl_ms=60_000)
    store.register_worker("one")
    job = new_job()
    store.add([job])
    own_server.kill()
    with pytest.raises(StoreUnavailable, match="PostgreSQL: "):
        store.ping()
    with pytest.raises(StoreUnavailable, match="PostgreSQL: "):
        PostgresStore(options_of(own_server), "jobs", result_ttl_ms=60_000)

    own_server.start()
    [claim] = store.settle_and_claim("one", None, 1)[0]
    store.close()

    assert claim.id == job.id


def test_a_stopped_server_is_unavailable_within_the_time_limit(
    own_server: ThrowAwayPostgres,
) -> None:
    """To callers that wait in a common transaction too. No job is added or claimed twice."""
    store = PostgresStore(options_of(own_server), "jobs", result_ttl_ms=60_000, timeout_seconds=0.5)
    store.register_worker("one")
    first, second = jobs = [new_job(), new_job()]
    store.add([first])

    async def add_one(job: Any) -> BaseException | str | None:
        try:
            return await store.add_pipelined(job)
        except StoreUnavailable as error:
            return error

    async def add_three() -> list[Any]:
        await store.add_pipelined(first)
        own_server.pause()
        try:
            return await asyncio.gather(*(add_one(second) for _ in range(3)))
        finally:
            own_server.resume()

    errors = run_in_loop(store, add_three)
    own_server.pause()
    try:
        with pytest.raises(StoreUnavailable, match="no reply within the time limit"):
            store.settle_and_claim("one", None, 10)
        with pytest.raises(StoreUnavailable, match="no reply within the time limit"):
            store.add([second])
    finally:
        own_server.resume()
    store.add([second])
    claims: list[Claim] = []
    for _ in range(5):
        claims += store.settle_and_claim("one", None, 10)[0]

    assert all(isinstance(error, StoreUnavailable) for error in errors)
    assert sorted(claim.id for claim in claims) == sorted(job.id for job in jobs)
    assert len(store.jobs(JobState.RUNNING)) == 2
    store.close()


def test_closed_connections_are_replaced_without_an_error(
    store: PostgresStore, server: ThrowAwayPostgres
) -> None:
    """Such as by a pooler, or an operator."""
    end_all = (
        "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity "
        "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
    )
    query(server, end_all)
    job = new_job()

    assert store.add([job]) == [job.id]

    async def add_twice() -> list[str | None]:
        await store.add_pipelined(job)
        await asyncio.to_thread(query, server, end_all)
        return [await store.add_pipelined(job), await store.add_pipelined(new_job(id="other"))]

    assert run_in_loop(store, add_twice) == [job.id, "other"]


def test_a_read_only_server_is_unavailable(own_server: ThrowAwayPostgres) -> None:
    """Such as the old primary after a failover. New connections are tried."""
    store = PostgresStore(options_of(own_server), "jobs", result_ttl_ms=60_000)
    query(own_server, "ALTER SYSTEM SET default_transaction_read_only = on")
    query(own_server, "SELECT pg_reload_conf()")
    while query(own_server, "SHOW default_transaction_read_only") == [("off",)]:
        pass

    async def add() -> None:
        await store.add_pipelined(new_job())

    with pytest.raises(StoreUnavailable, match="read-only transaction"):
        store.add([new_job()])
    with pytest.raises(StoreUnavailable, match="read-only transaction"):
        run_in_loop(store, add)
    store.close()


def test_notifications_are_received_after_a_restart(own_server: ThrowAwayPostgres) -> None:
    """The listener reconnects."""
    store = PostgresStore(options_of(own_server), "jobs", result_ttl_ms=60_000)
    wake_event = threading.Event()
    store.wake_events.add(wake_event)
    store.register_worker("one")
    # As soon as it listens.
    assert wake_event.wait(30)
    own_server.kill()
    wake_event.clear()
    own_server.start()
    # As soon as it listens again.
    assert wake_event.wait(30)
    wake_event.clear()

    query(own_server, "SELECT pg_notify('jobs', '')")

    assert wake_event.wait(30)
    store.close()


# -- values ------------------------------------------------------------------------------------


@pytest.mark.parametrize("id", ["a\0b", "a\ud800b"])
def test_texts_that_postgresql_cannot_store_are_invalid(store: PostgresStore, id: str) -> None:
    """Of an id that a client made up, for example."""
    with pytest.raises(InvalidText):
        store.find(id)


def test_an_invalid_job_does_not_affect_others(store: PostgresStore) -> None:
    """That were enqueued at the same time."""
    jobs = [new_job(), new_job(queue="a\0b"), new_job()]

    async def add() -> list[Any]:
        return await asyncio.gather(*map(store.add_pipelined, jobs))

    assert run_in_loop(store, add) in ([None] * 3, [jobs[0].id, None, None])
    assert store.add([jobs[0]]) == [jobs[0].id]
    with pytest.raises(InvalidText):
        store.add([jobs[1]])


def test_jobs_are_added_after_an_unexpected_error(
    store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is raised in all calls that wait, and not in later ones; so is a cancellation."""
    enqueuer = store._enqueuer
    add_all, started = enqueuer._add, asyncio.Event()
    jobs = [new_job() for _ in range(5)]

    async def fail(jobs: Any) -> Any:
        raise LookupError("unexpected")

    async def hang(jobs: Any) -> Any:
        started.set()
        await asyncio.Event().wait()

    async def add() -> list[Any]:
        monkeypatch.setattr(enqueuer, "_add", fail)
        calls = [asyncio.ensure_future(store.add_pipelined(job)) for job in jobs[:3]]
        failed = await asyncio.gather(*calls, return_exceptions=True)
        monkeypatch.setattr(enqueuer, "_add", hang)
        call = asyncio.ensure_future(store.add_pipelined(jobs[3]))
        await started.wait()
        assert enqueuer._task is not None
        enqueuer._task.cancel()
        failed += await asyncio.gather(call, return_exceptions=True)
        monkeypatch.setattr(enqueuer, "_add", add_all)
        async with asyncio.timeout(30):
            return [*map(type, failed), await store.add_pipelined(jobs[4])]

    results = run_in_loop(store, add)

    assert results == [*[LookupError] * 3, asyncio.CancelledError, jobs[4].id]


def test_concurrent_calls_share_transactions(
    store: PostgresStore, server: ThrowAwayPostgres, schema: str
) -> None:
    """And a cancelled call does not affect the others."""
    jobs = [new_job() for _ in range(50)]

    async def add() -> list[Any]:
        calls = [asyncio.ensure_future(store.add_pipelined(job)) for job in jobs]
        await asyncio.sleep(0)
        calls[0].cancel()
        calls[7].cancel()
        return await asyncio.gather(*calls, return_exceptions=True)

    results = run_in_loop(store, add)

    assert [result for result in results if isinstance(result, str)] == [
        job.id for number, job in enumerate(jobs) if number not in {0, 7}
    ]
    [(transactions,)] = query(server, f'SELECT count(DISTINCT xmin::text) FROM "{schema}".jobs')
    assert transactions < 10


def test_concurrent_jobs_of_one_key_are_one(open_store: Callable[..., PostgresStore]) -> None:
    """From different connections."""
    stores = [open_store() for _ in range(8)]
    for round_number in range(10):
        key = f"key {round_number}"
        jobs = [new_job(key=key, deduplication_window_ms=60_000) for _ in stores]
        with ThreadPoolExecutor(8) as executor:
            ids = list(executor.map(lambda store, job: store.add([job]), stores, jobs))
        assert len({id for (id,) in ids}) == 1
    assert [count.ready for count in stores[0].counts()] == [10]


# -- transactions of the application -----------------------------------------------------------


def test_jobs_are_committed_or_rolled_back_with_a_transaction(
    open_store: Callable[..., PostgresStore], server: ThrowAwayPostgres
) -> None:
    """Of another connection. Waiting workers are notified at the commit, not before."""
    lost, kept = new_job(), new_job(key="k", deduplication_window_ms=60_000)
    store, wake_event = open_store(), threading.Event()
    store.wake_events.add(wake_event)
    store.register_worker("one")
    # As soon as it listens.
    assert wake_event.wait(30)
    wake_event.clear()

    async def use() -> list[Any]:
        connection = await asyncpg.connect(**options_of(server))
        try:
            transaction = connection.transaction()
            await transaction.start()
            ids = [await store.add_in_transaction(connection, [lost])]
            await transaction.rollback()
            async with connection.transaction():
                ids.append(await store.add_in_transaction(connection, [kept]))
                again = new_job(key="k", deduplication_window_ms=60_000)
                ids.append(await store.add_in_transaction(connection, [again]))
                found = [store.find(job.id) for job in (lost, kept)]
                notified = wake_event.is_set()
        finally:
            await connection.close()
        return [ids, found, notified]

    ids, found, notified = run_in_loop(store, use)

    assert ids == [[lost.id], [kept.id], [kept.id]]
    assert found == [None, None]
    assert not notified
    assert wake_event.wait(30)
    assert store.find(lost.id) is None
    [claim] = store.settle_and_claim("one", None, 10)[0]
    assert claim.id == kept.id


async def test_a_connection_of_another_database_is_declined(store: PostgresStore) -> None:
    """The transaction is still usable."""
    assert await store.add_in_transaction(object(), [new_job()]) is None


def test_concurrent_transactions_lock_keys_and_fan_outs_in_one_order() -> None:
    """In any order of their jobs, so there is no deadlock."""
    with throw_away_postgres() as server:
        stores = [PostgresStore(options_of(server), "jobs", result_ttl_ms=60_000) for _ in range(4)]
        for batch in "abc":
            stores[0].open_batch(batch, None)

        def use(number: int) -> int:
            store, worker_id = stores[number], f"worker-{number}"
            store.register_worker(worker_id)
            ended = 0
            for _ in range(25):
                jobs = [
                    new_job(batch=name, key=name, deduplication_window_ms=1, priority=number)
                    for name in "abc"
                ]
                jobs += [new_job(batch=name) for name in "abc"]
                store.add(jobs if number % 2 else jobs[::-1])
                claims, _ = store.settle_and_claim(worker_id, None, 20)
                kinds = (SettlementKind.DONE, SettlementKind.DEAD, SettlementKind.CANCEL)
                settlements = [
                    new_settlement(claim, kind)
                    for claim, kind in zip(claims, itertools.cycle(kinds), strict=False)
                ]
                store.settle_and_claim(worker_id, None, 0, settlements)
                ended += len(settlements)
            return ended

        with ThreadPoolExecutor(4) as executor:
            ended = sum(executor.map(use, range(4)))
        batches = [stores[0].batch(name) for name in "abc"]
        for store in stores:
            store.close()
        log = server.log

    assert "deadlock" not in log
    assert sum(batch.completed + batch.failed for batch in batches if batch) == ended
