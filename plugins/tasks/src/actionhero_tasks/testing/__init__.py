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

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from actionhero_tasks.testing.drain import drain as drain
    from actionhero_tasks.testing.jobs import ended as ended
    from actionhero_tasks.testing.jobs import new_job as new_job
    from actionhero_tasks.testing.store_contract import StoreContract as StoreContract

# The suite needs pytest, and `drain` does not.
_HOME = {
    "StoreContract": "store_contract",
    "drain": "drain",
    "ended": "jobs",
    "new_job": "jobs",
}

__all__ = ["StoreContract", "drain", "ended", "new_job"]


def __getattr__(name: str) -> Any:
    module = _HOME.get(name)
    if module is None:
        raise AttributeError(f"module 'actionhero_tasks.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module(f"actionhero_tasks.testing.{module}"), name)
    # In place of the module of the same name, which importing it has put here.
    globals()[name] = value
    return value
