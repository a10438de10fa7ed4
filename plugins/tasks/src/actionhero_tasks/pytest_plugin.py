"""The plugin for pytest: modules of tests and of the application can declare actors of dramatiq.

pytest imports it before any test, and with it no more than the standard library.
"""

from __future__ import annotations

from actionhero_tasks.dramatiq.global_broker import watch_import

watch_import()
