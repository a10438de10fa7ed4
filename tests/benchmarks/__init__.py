"""How fast we are, beside others: started by `nox -s bench`."""

from __future__ import annotations
