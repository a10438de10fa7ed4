"""Mistakes in middleware, initializers, channels, settings and hooks."""

from __future__ import annotations

from tests.mistakes.application import Mistake

COMPONENTS: list[Mistake] = [
    Mistake(
        "a misspelled method of middleware",
        """
        class Guard(Middleware):
            async def authorise(self, call): ...
        class Greet(Action):
            name = 'greet'
            middleware = [Guard()]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "middleware guestbook.Guard has the attribute 'authorise', which nothing "
        "reads; did you mean 'authorize'? If it is your own, begin its name with an"
        " underscore, or write it in capitals",
    ),
    Mistake(
        "a method of middleware without async",
        """
        class Guard(Middleware):
            def before(self, call): ...
        class Greet(Action):
            name = 'greet'
            middleware = [Guard()]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "middleware guestbook.Guard has 'def before', which is awaited; write "
        "'async def before', or annotate it to return an Awaitable",
    ),
    Mistake(
        "a method of middleware without the call",
        """
        class Guard(Middleware):
            async def before(self): ...
        class Greet(Action):
            name = 'greet'
            middleware = [Guard()]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "middleware guestbook.Guard has before(self), which is called with other "
        "arguments; write 'async def before(self, call)'",
    ),
    Mistake(
        "a requirement without the call",
        """
        def is_owner():
            return True
        class Greet(Action):
            name = 'greet'
            requires = is_owner
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') requires the "
        "function 'is_owner', which does not take the call; write def "
        "is_owner(call: Call) -> bool",
    ),
    Mistake(
        "a start of an initializer without the application",
        """
        class Mail(Initializer):
            name = 'mail'
            async def start(self): ...
        """,
        "initializer guestbook.Mail, application 'guestbook' has start(self), which"
        " is called with other arguments; write 'async def start(self, app)'",
    ),
    Mistake(
        "an initializer without a name",
        """
        class Mail(Initializer): ...
        """,
        "initializer guestbook.Mail, application 'guestbook' has no name; set name = '…' on it",
    ),
    Mistake(
        "an initializer with a misspelled attribute",
        """
        class Mail(Initializer):
            name = 'mail'
            require = ('redis',)
        """,
        "initializer guestbook.Mail, application 'guestbook' has the attribute "
        "'require', which nothing reads; did you mean 'requires'? If it is your "
        "own, begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "an initializer without async",
        """
        class Mail(Initializer):
            name = 'mail'
            def start(self, app): ...
        """,
        "initializer guestbook.Mail, application 'guestbook' has 'def start', which"
        " is awaited; write 'async def start', or annotate it to return an "
        "Awaitable",
    ),
    Mistake(
        "a text as requires of an initializer",
        """
        class Mail(Initializer):
            name = 'mail'
            requires = 'redis'
        """,
        "initializer 'mail' (guestbook.Mail, application 'guestbook') has requires "
        "= 'redis', which is a text; write a tuple or a list of names, as in "
        "requires = ('redis',)",
    ),
    Mistake(
        "a misspelled requirement of an initializer",
        """
        class Mail(Initializer):
            name = 'mail'
            requires = ('rdis',)
        """,
        "initializer 'mail' (guestbook.Mail, application 'guestbook') requires "
        "'rdis', which no plugin provides; did you mean 'redis'?",
    ),
    Mistake(
        "initializers that require each other",
        """
        class Mail(Initializer):
            name = 'mail'
            requires = ('post',)

        class Post(Initializer):
            name = 'post'
            requires = ('mail',)
        """,
        "initializers form a cycle: mail → post → mail; 'mail' is guestbook.Mail, "
        "application 'guestbook', 'post' is guestbook.Post, application "
        "'guestbook'; remove one of them from requires or after",
    ),
    Mistake(
        "an initializer with arguments",
        """
        class Mail(Initializer):
            name = 'mail'
            def __init__(self, url): ...
        """,
        "guestbook.Mail cannot be created without arguments: TypeError: "
        "Mail.__init__() missing 1 required positional argument: 'url'; remove its "
        "arguments, or return an instance from a hook in your plugin.py",
    ),
    Mistake(
        "a channel without a name",
        """
        class News(Channel): ...
        """,
        "channel guestbook.News (the application) has no name; set name = '…' "
        "(reported by plugin 'actionhero_channels')",
    ),
    Mistake(
        "a channel with a misspelled attribute",
        """
        class News(Channel):
            name = 'news'
            histroy = 5
        """,
        "Channel guestbook.News has the attribute 'histroy', which nothing reads; "
        "did you mean 'history'? If it is your own, begin its name with an "
        "underscore, or write it in capitals",
    ),
    Mistake(
        "a channel with a misspelled method",
        """
        class News(Channel):
            name = 'news'
            async def authorise(self, subscription): ...
        """,
        "Channel guestbook.News has the attribute 'authorise', which nothing reads;"
        " did you mean 'authorize'? If it is your own, begin its name with an "
        "underscore, or write it in capitals",
    ),
    Mistake(
        "a text as history of a channel",
        """
        class News(Channel):
            name = 'news'
            history = '5'
        """,
        "channel guestbook.News (the application) has history = '5'; set it to a "
        "number of broadcasts, or 0 (reported by plugin 'actionhero_channels')",
    ),
    Mistake(
        "settings without a section",
        """
        class MailSettings(Settings):
            url: str = ''

        @hookimpl
        def actionhero_settings():
            return [MailSettings]
        """,
        "settings guestbook.MailSettings (application 'guestbook') have no section;"
        " write section: ClassVar[str] = '…' in the class",
    ),
    Mistake(
        "a setting without a type",
        """
        class MailSettings(Settings):
            url = ''
        """,
        "application 'guestbook' cannot be imported: after guestbook: "
        "PydanticUserError: A non-annotated attribute was detected: `url = ''` "
        "(guestbook.py); write its type, as in 'name: str = …'",
    ),
    Mistake(
        "a hook without return",
        """
        @hookimpl
        def actionhero_initializers():
            [Initializer()]
        """,
        "application 'guestbook' returned None from 'actionhero_initializers' "
        "(guestbook.py), because it has no 'return', so it contributes nothing; add"
        " the 'return', or 'return None' if it is meant so",
    ),
    Mistake(
        "a hook with an async def",
        """
        @hookimpl
        async def actionhero_initializers():
            return []
        """,
        "application 'guestbook' implements 'actionhero_initializers' "
        "(guestbook.py) as 'async def', but hooks are called before the event loop "
        "exists; use 'def', and move asynchronous code to a method of the returned "
        "object",
    ),
    Mistake(
        "a hook without the decorator",
        """
        def actionhero_initializers():
            return []
        """,
        "application 'guestbook' defines 'actionhero_initializers' (guestbook.py) "
        "without @hookimpl, so it would not be called; add the decorator, or rename"
        " the function",
    ),
    Mistake(
        "a misspelled hook",
        """
        @hookimpl
        def actionhero_initializer():
            return []
        """,
        "application 'guestbook' implements the unknown hook "
        "'actionhero_initializer' (guestbook.py); fix the name, or install and enable the plugin "
        "that specifies it; did you mean 'actionhero_initializers'?",
    ),
    Mistake(
        "a hook with another argument",
        """
        @hookimpl
        def actionhero_initializers(application):
            return []
        """,
        "application 'guestbook' implements 'actionhero_initializers' "
        "(guestbook.py) with the unknown argument 'application'; remove it; "
        "available: app",
    ),
    Mistake(
        "a hook that returns no list",
        """
        @hookimpl
        def actionhero_initializers():
            return Initializer()
        """,
        "application 'guestbook' returned <actionhero.initializer.Initializer "
        "object> from 'actionhero_initializers' (guestbook.py); return a list of "
        "Initializer objects, or None",
    ),
    Mistake(
        "a hook that returns classes",
        """
        @hookimpl
        def actionhero_middleware():
            return [Middleware]
        """,
        "application 'guestbook' returned <class "
        "'actionhero.middleware.Middleware'> from 'actionhero_middleware' "
        "(guestbook.py), which is not an instance of Middleware; create it, as in "
        "Middleware(…)",
    ),
    Mistake(
        "a hook that returns instances",
        """
        @hookimpl
        def actionhero_settings():
            return [Settings()]
        """,
        "application 'guestbook' returned Settings() from 'actionhero_settings' "
        "(guestbook.py), which is not a subclass of Settings; return the class, "
        "without parentheses",
    ),
    Mistake(
        "a hook that returns a list instead of an object",
        """
        class Roles(PermissionSource):
            async def permissions_of(self, principal): ...
        @hookimpl
        def actionhero_permissions():
            return [Roles()]
        """,
        "application 'guestbook' returned [<guestbook.Roles object>] from "
        "'actionhero_permissions' (guestbook.py), which is not an instance of "
        "PermissionSource; return the object itself, without a list",
    ),
    Mistake(
        "a hook that fails",
        """
        @hookimpl
        def actionhero_actions():
            return 1 / 0
        """,
        "application 'guestbook' failed in 'actionhero_actions': ZeroDivisionError:"
        " division by zero (guestbook.py); fix the hook",
    ),
    Mistake(
        "a method of middleware of another framework",
        """
        class Guard(Middleware):
            async def dispatch(self, request, call_next): ...
        class Greet(Action):
            name = 'greet'
            middleware = [Guard()]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "middleware guestbook.Guard has 'dispatch', which nothing calls, and none of the methods "
        "that are called: 'admit', 'authorize', 'before', 'after'; write one of them",
    ),
    Mistake(
        "middleware that is called",
        """
        class Guard(Middleware):
            async def __call__(self, request, call_next): ...
        class Greet(Action):
            name = 'greet'
            middleware = [Guard()]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "middleware guestbook.Guard has '__call__', which nothing calls, and none of the methods "
        "that are called: 'admit', 'authorize', 'before', 'after'; write one of them",
    ),
    Mistake(
        "a method of an initializer of another framework",
        """
        class Pool(Initializer):
            name = 'pool'
            async def startup(self): ...
        """,
        "initializer guestbook.Pool, application 'guestbook' has 'startup', which nothing calls, "
        "and none of the methods that are called: 'initialize', 'start', 'stop', 'check'; write "
        "one of them",
    ),
]
