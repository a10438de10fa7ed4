"""The example application of ActionHero: people sign up, sign in, and write to one another.

Where to begin reading: `plugin.py` lists what it adds. `actions/` is what can be called, `ops/`
what is written and read for it, `models.py` the tables.
"""

from __future__ import annotations
