"""For tests: `drain` runs waiting jobs; `StoreContract` is the test suite of every store.

```python
async with running_app(actionhero_tasks.plugin, SignUp, Welcome) as app:
    await app.call("user:create", name="Ada")
    [job] = await drain(app)
    assert job.result == "welcomed Ada"
```

Authors of stores inherit the suite:

```python
class TestMyStore(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path):
        return lambda: MyStore(tmp_path)

    @pytest.fixture
    def kill_worker(self):
        return lambda store, worker_id: store.expire_lease(worker_id)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_tasks.testing.broker_contract import BrokerContract as BrokerContract
    from actionhero_tasks.testing.draining import drain as drain
    from actionhero_tasks.testing.jobs import new_job as new_job
    from actionhero_tasks.testing.jobs import new_settlement as new_settlement
    from actionhero_tasks.testing.store_contract import StoreContract as StoreContract

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".broker_contract": ["BrokerContract"],
        ".draining": ["drain"],
        ".jobs": ["new_job", "new_settlement"],
        ".store_contract": ["StoreContract"],
    },
)
