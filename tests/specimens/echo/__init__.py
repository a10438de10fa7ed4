"""A WebSocket echo server for conformance suites of RFC 6455, such as Autobahn's.

    cd tests/specimens/echo
    PYTHONPATH=.. actionhero start --port 9001

Then point the suite at `ws://127.0.0.1:9001/echo`:

    kosoku -i '5.*' ws://127.0.0.1:9001/echo
"""

from __future__ import annotations
