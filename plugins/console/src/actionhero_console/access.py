"""`ConsoleAccess`: identifies the operator of a request, and signs operators in and out."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import aiohttp_session
from aiohttp.web import BaseRequest
from redis import exceptions

from actionhero.transport import dumps, loads, new_identifier
from actionhero_console.operators import Account, Operator, Role, accounts_of, sources_of
from actionhero_console.passwords import hash_password
from actionhero_console.settings import ConsoleSettings
from actionhero_redis import RedisClients
from actionhero_web import OperatorAccess, SignedTokens, SignInLimiter

if TYPE_CHECKING:
    from aiohttp import web

    from actionhero import Application

logger = logging.getLogger("actionhero.console")

_COOKIE: Final = "actionhero_console"
#: How long a request waits for Redis to know whether its session has ended.
_ENDED_SECONDS: Final = 0.5
#: The number of passwords that are verified at a time; each takes 32 MiB.
_MAX_VERIFICATIONS: Final = 2

# aiohttp warns once of each key that is a text. Users cannot change those of aiohttp-session.
_seen_keys: set[str] = getattr(BaseRequest, "_seen_str_keys", set())
_seen_keys.update((aiohttp_session.SESSION_KEY, aiohttp_session.STORAGE_KEY))


class Throttled(NamedTuple):
    """A sign-in was not attempted: there were too many failures."""

    retry_after_seconds: int
    #: Whether it is the first one since the last failure.
    is_first: bool


class PassStorage(aiohttp_session.AbstractStorage):
    """Stores the session of an operator in an encrypted cookie, for `aiohttp_session.get_session`.

    Args:
        requests: Makes the cookies.
        tokens: Encrypts them.
    """

    def __init__(self, requests: OperatorAccess, tokens: SignedTokens) -> None:
        super().__init__()
        self._requests = requests
        self._tokens = tokens

    async def load_session(self, request: web.Request) -> aiohttp_session.Session:
        """Return the session of a request, which is new without a valid cookie."""
        token = self._requests.token(request)
        content = None if token is None else self._tokens.read(token)
        if content is None:
            return aiohttp_session.Session(None, data=None, new=True)
        stored = loads(content.encode())
        return aiohttp_session.Session(stored["id"], data=stored, new=False)

    async def save_session(
        self, request: web.Request, response: web.StreamResponse, session: aiohttp_session.Session
    ) -> None:
        """Set the cookie, or delete it for an empty session."""
        token, seconds = "", 0
        if not session.empty:
            content = {"id": new_identifier(), "created": int(time.time()), "session": {**session}}
            token, seconds = self._tokens.issue(dumps(content).decode()), self._tokens.ttl_seconds
        response.headers.add("Set-Cookie", self._requests.cookie(request, token, seconds))


class ConsoleAccess:
    """Decides which requests are from operators, and with which role.

    1. A source of operators of a plugin knows the operator of the request.
    2. The session of the request is that of an account with a password.
    3. There is neither: in development, clients on this machine are admins.
    4. For all others the console does not exist, unless they can sign in.

    Args:
        app: The application.
    """

    def __init__(self, app: Application) -> None:
        settings = app.get(ConsoleSettings)
        self._app = app
        self.requests = OperatorAccess(app, _COOKIE)
        #: The errors in accounts.
        self.problems: list[str]
        self._accounts, self.problems = accounts_of(app)
        self._sources = sources_of(app)
        self._limiter = SignInLimiter()
        self._verifications = asyncio.Semaphore(_MAX_VERIFICATIONS)
        self._tokens = SignedTokens(
            "actionhero.console",
            app.secret_key,
            ttl_seconds=int(settings.session.total_seconds()),
        )
        self.storage = PassStorage(self.requests, self._tokens)
        #: Sessions that have ended here, in case Redis cannot be reached: when they expire.
        self._ended: dict[str, float] = {}
        self._unknown: Account | None = None

    @property
    def exists(self) -> bool:
        """Whether any client could see the console."""
        is_local = self._app.environment == "development"
        return bool(self._accounts or self._sources) or is_local

    @property
    def has_accounts(self) -> bool:
        """Whether operators can sign in with a password."""
        return bool(self._accounts)

    @property
    def only_account(self) -> str | None:
        """The name of the only account, which need not be entered."""
        return next(iter(self._accounts)) if len(self._accounts) == 1 else None

    async def operator_of(self, request: web.Request) -> Operator | None:
        """Return the operator of a request."""
        for source in self._sources:
            if (operator := await source.operator_of(request)) is not None:
                return operator
        if self._accounts:
            return await self._session_operator(request)
        if self._sources or self._app.environment != "development":
            return None
        if self.requests.is_local(request):
            return Operator("local", Role.ADMIN, "local")
        return None

    async def sign_in(
        self, request: web.Request, name: str, password: str
    ) -> Operator | Throttled | None:
        """Sign in an operator, and return them; `None`: name or password are wrong."""
        address = self.requests.client(request).address
        if seconds := self._limiter.retry_after_seconds(address):
            return Throttled(seconds, self._limiter.mark_refused(address))
        account = self._accounts.get(name)
        known_name = "" if account is None else account.name
        # Counted before the verification, which takes time: concurrent attempts are all counted.
        self._limiter.record_failure(address, known_name)
        if not await self._verify(account, password) or account is None:
            return None
        self._limiter.reset(address, known_name)
        session = await aiohttp_session.new_session(request)
        session["name"], session["binding"] = account.name, self._binding(account)
        return Operator(account.name, Role(account.role), "password")

    async def sign_out(self, request: web.Request) -> None:
        """End the session of a request: its cookie is refused from now on."""
        session = await aiohttp_session.get_session(request)
        identity = session.identity
        session.invalidate()
        if not isinstance(identity, str):
            return
        seconds = self._tokens.ttl_seconds
        now = time.monotonic()
        self._ended = {key: end for key, end in self._ended.items() if end > now}
        self._ended[identity] = now + seconds
        clients = self._app.get(RedisClients)
        key = clients.key("console", "ended", identity)
        try:
            await clients.execute("SET", key, "1", "EX", seconds, idempotent=True)
        except (exceptions.RedisError, OSError) as error:
            logger.warning("other processes do not know of a sign-out: %s", error)

    async def _session_operator(self, request: web.Request) -> Operator | None:
        session = await aiohttp_session.get_session(request)
        account = self._accounts.get(session.get("name", ""))
        if account is None or session.get("binding") != self._binding(account):
            return None
        if await self._has_ended(str(session.identity)):
            return None
        return Operator(account.name, Role(account.role), "password")

    async def _has_ended(self, identity: str) -> bool:
        if identity in self._ended:
            return True
        clients = self._app.get(RedisClients)
        try:
            key = clients.key("console", "ended", identity)
            async with asyncio.timeout(_ENDED_SECONDS):
                return bool(await clients.execute("EXISTS", key, idempotent=True))
        except (exceptions.RedisError, OSError):
            # Also after the timeout. The console must show that Redis cannot be reached. Changes
            # are refused meanwhile.
            return False

    async def _verify(self, account: Account | None, password: str) -> bool:
        if account is not None and account.password:
            return self._tokens.verify_password(password, account.password)
        async with self._verifications:
            if account is None:
                # It takes as long for an unknown name.
                account = await self._unknown_account()
            return await asyncio.to_thread(account.has_password, password)

    async def _unknown_account(self) -> Account:
        if self._unknown is None:
            hash_ = await asyncio.to_thread(hash_password, new_identifier())
            self._unknown = Account("", password_hash=hash_)
        return self._unknown

    def _binding(self, account: Account) -> str:
        return self._tokens.digest(f"{account.name}\0{account.binding}").hex()


def session_middleware(access: ConsoleAccess) -> Any:
    """Return the middleware of aiohttp-session with the sessions of operators."""
    return aiohttp_session.session_middleware(access.storage)
