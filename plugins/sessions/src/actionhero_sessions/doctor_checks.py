"""The checks of `actionhero doctor` for the session cookie."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero.transport import Diagnosis, Finding
from actionhero_sessions.settings import SessionsSettings

if TYPE_CHECKING:
    from actionhero import Application


def diagnose(app: Application, *, deploy: bool) -> list[Diagnosis]:
    """Return the attributes of the cookie that are unsafe in production."""
    settings = app.get(SessionsSettings)
    diagnoses = []
    if deploy and settings.secure is False:
        diagnoses.append(
            Diagnosis(
                "sessions.secure",
                Finding.WARNING,
                "is false, so the cookie is sent without TLS, where others in the network can read "
                "it; remove the setting",
            )
        )
    if deploy and settings.same_site == "None":
        diagnoses.append(
            Diagnosis(
                "sessions.same_site",
                Finding.WARNING,
                "is None, so browsers send the cookie with requests of all sites, and only "
                "web.cross_origin_protection refuses them; use Lax, unless pages of other sites "
                "need the session",
            )
        )
    return diagnoses
