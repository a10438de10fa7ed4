"""For tests: `drain` runs the jobs that wait; `StoreContract` is the suite of every store.

```python
async with running_app(actionhero_tasks.plugin, SignUp, Welcome) as app:
    await app.call("user:create", name="Ada")
    [job] = await drain(app)
    assert job.result == "welcomed Ada"
```

Authors of stores inherit the suite that ours pass:

```python
class TestCarrierPigeons(StoreContract):
    @pytest.fixture
    def open_store(self, tmp_path):
        return lambda: PigeonStore(tmp_path)

    @pytest.fixture
    def vanish(self):
        return lambda store, owner: store.forget(owner)
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_tasks.testing.drain import drain as drain
    from actionhero_tasks.testing.jobs import ended as ended
    from actionhero_tasks.testing.jobs import new_job as new_job
    from actionhero_tasks.testing.store_contract import StoreContract as StoreContract

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".drain": ["drain"],
        ".jobs": ["ended", "new_job"],
        ".store_contract": ["StoreContract"],
    },
)
