"""For tests: a running application with only the plugins given, and callers that need no socket.

```python
async with running_app(plugin) as app:
    assert await app.connect().call("hello", name="Ada") == {"greeting": "Hello, Ada!"}
```
"""

from __future__ import annotations

from actionhero.testing.caller import Caller
from actionhero.testing.running import RunningApp, running_app

__all__ = ["Caller", "RunningApp", "running_app"]
