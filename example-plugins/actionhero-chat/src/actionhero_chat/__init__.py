"""The example application of ActionHero: a chat with users, sessions and messages.

Start reading in `plugin.py`, the list of its contributions. `actions/` contains the actions, `ops/`
the database operations that they share, and `models.py` the tables.
"""

from __future__ import annotations
