"""The same work in three dresses: by hand on aiohttp, on FastAPI, and as an application of ours."""

from __future__ import annotations
