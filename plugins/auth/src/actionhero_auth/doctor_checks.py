"""The checks of `actionhero doctor`: whether the keys of issuers can be fetched."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from actionhero.transport import Diagnosis, Finding
from actionhero_auth.settings import AuthSettings, IssuerSettings

if TYPE_CHECKING:
    from actionhero import Application

CHECK: Final = "auth"


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return the results of the checks; only a deployment is checked over the network."""
    if not deploy or app.has_invalid_settings:
        return []
    issuers = [item for item in app.get(AuthSettings).issuers if item.key is None]
    return asyncio.run(_check_all(issuers)) if issuers else []


async def _check_all(issuers: list[IssuerSettings]) -> list[Diagnosis]:
    from actionhero_auth.tokens.issuer_keys import IssuerKeys  # noqa: PLC0415 - slow
    from actionhero_auth.tokens.key_client import FetchError, KeyClient  # noqa: PLC0415

    client = KeyClient()

    async def check(issuer: IssuerSettings) -> Diagnosis:
        try:
            count = await IssuerKeys(issuer, client, on_change=lambda: None).check()
        except FetchError as error:
            return Diagnosis(
                CHECK,
                Finding.FAILED,
                f"the keys of the issuer {issuer.issuer}: {error}; its tokens are refused with "
                "503 until they can be fetched",
            )
        return Diagnosis(CHECK, Finding.OK, f"the issuer {issuer.issuer} has {count} keys")

    try:
        return list(await asyncio.gather(*map(check, issuers)))
    finally:
        await client.aclose()
