"""The same work implemented three times: on aiohttp, on FastAPI, and on ActionHero."""

from __future__ import annotations
