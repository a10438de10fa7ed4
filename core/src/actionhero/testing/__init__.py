"""For tests: a running application with only the plugins given, and callers that need no socket.

```python
async with running_app(plugin) as app:
    assert await app.connect().call("hello", name="Ada") == {"greeting": "Hello, Ada!"}
```

For authors of servers there is `ServerContract`, a suite to inherit; see `contract.py`. It is
imported when it is asked for: nothing else here needs pytest.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from actionhero.testing.caller import Caller
from actionhero.testing.ports import free_port
from actionhero.testing.running import RunningApp, running_app

if TYPE_CHECKING:
    from actionhero.testing.contract import Answer as Answer
    from actionhero.testing.contract import Door as Door
    from actionhero.testing.contract import Failure as Failure
    from actionhero.testing.contract import ServerContract as ServerContract

_OF_THE_CONTRACT = ("Answer", "Door", "Failure", "ServerContract")

__all__ = [
    "Answer",
    "Caller",
    "Door",
    "Failure",
    "RunningApp",
    "ServerContract",
    "free_port",
    "running_app",
]


def __getattr__(name: str) -> Any:
    if name not in _OF_THE_CONTRACT:
        raise AttributeError(f"module 'actionhero.testing' has no attribute {name!r}")
    value = getattr(importlib.import_module("actionhero.testing.contract"), name)
    globals()[name] = value
    return value
