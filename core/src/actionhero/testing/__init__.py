"""Tests of applications: a running application with selected plugins, and callers without a socket.

```python
async with running_app(plugin) as app:
    assert await app.connect().call("hello", name="Ada") == {"greeting": "Hello, Ada!"}
```

The suites for authors of servers and stores are in `pytest_actionhero`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.plugins import lazy_names

if TYPE_CHECKING:
    from actionhero.testing.caller import Caller as Caller
    from actionhero.testing.running import RunningApp as RunningApp
    from actionhero.testing.running import free_port as free_port
    from actionhero.testing.running import running_app as running_app

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".caller": ["Caller"],
        ".running": ["RunningApp", "free_port", "running_app"],
    },
)
