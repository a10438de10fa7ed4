"""Authentication for ActionHero: API keys, tokens of other issuers, roles and passwords.

`ApiKeys` creates, lists and revokes keys; `Passwords` hashes and verifies passwords.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_auth.api_keys.key_service import ApiKeys as ApiKeys
    from actionhero_auth.api_keys.records import ApiKey as ApiKey
    from actionhero_auth.api_keys.records import NewApiKey as NewApiKey
    from actionhero_auth.passwords import Passwords as Passwords
    from actionhero_auth.roles import RoleFunction as RoleFunction
    from actionhero_auth.settings import AuthSettings as AuthSettings
    from actionhero_auth.settings import IssuerSettings as IssuerSettings

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".api_keys.key_service": ["ApiKeys"],
        ".api_keys.records": ["ApiKey", "NewApiKey"],
        ".passwords": ["Passwords"],
        ".roles": ["RoleFunction"],
        ".settings": ["AuthSettings", "IssuerSettings"],
    },
)
