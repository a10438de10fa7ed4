"""Mistakes in settings, and modules that cannot be imported."""

from __future__ import annotations

from tests.mistakes.application import Mistake

SETTINGS: list[Mistake] = [
    Mistake(
        "a misspelled section",
        "",
        "1 invalid setting:\n"
        "  actionhero.toml:1 wbe: unknown section 'wbe'; did you mean 'web'? if it "
        "belongs to a plugin, install and enable the plugin; otherwise remove the "
        "setting",
        files={"actionhero.toml": "[wbe]\nport = 8080\n"},
    ),
    Mistake(
        "a misspelled key",
        "",
        "1 invalid setting:\n"
        "  actionhero.toml:2 web.prot: unknown setting 'web.prot'; did you mean "
        "'port'?",
        files={"actionhero.toml": "[web]\nprot = 8080\n"},
    ),
    Mistake(
        "a key without a section",
        "",
        "1 invalid setting:\n"
        "  actionhero.toml:1 port: 'port' is not in a section; did you mean "
        "'web.port'?",
        files={"actionhero.toml": "port = 8080\n"},
    ),
    Mistake(
        "a section that is a value",
        "",
        "1 invalid setting:\n  actionhero.toml:1 web: section 'web' must be a table of settings",
        files={"actionhero.toml": "web = 8080\n"},
    ),
    Mistake(
        "a port in words",
        "",
        "1 invalid setting:\n"
        "  actionhero.toml:2 web.port: invalid value 'http': should be a valid "
        "integer, unable to parse string as an integer",
        files={"actionhero.toml": "[web]\nport = 'http'\n"},
    ),
    Mistake(
        "a port that does not exist",
        "",
        "1 invalid setting:\n"
        "  actionhero.toml:2 web.port: invalid value 80808: should be less than or "
        "equal to 65535",
        files={"actionhero.toml": "[web]\nport = 80808\n"},
    ),
    Mistake(
        "a text as list",
        "",
        "1 invalid setting:\n"
        "  actionhero.toml:2 web.allowed_origins: invalid value "
        "'https://example.com': should be a list: a,b in a variable, ['a', 'b'] in "
        "a file",
        files={"actionhero.toml": "[web]\nallowed_origins = 'https://example.com'\n"},
    ),
    Mistake(
        "a duration in words",
        "",
        "1 invalid setting:\n"
        "  actionhero.toml:2 actions.timeout: invalid value 'five seconds': should "
        "be a duration: seconds, or a number with ms, s, m, h or d, such as '20s'",
        files={"actionhero.toml": "[actions]\ntimeout = 'five seconds'\n"},
    ),
    Mistake(
        "invalid TOML",
        "",
        "settings file 'actionhero.toml' is not valid TOML: Expected ']' at the end"
        " of a table declaration (at line 1, column 5)",
        files={"actionhero.toml": "[web\nport = 8080\n"},
    ),
    Mistake(
        "a section twice",
        "",
        "settings file 'actionhero.toml' is not valid TOML: Cannot declare ('web',)"
        " twice (at line 3, column 5)",
        files={"actionhero.toml": "[web]\nport = 8080\n[web]\nhost = '::'\n"},
    ),
    Mistake(
        "a variable with one underscore",
        "",
        "1 invalid setting:\n"
        "  ACTIONHERO_WEB_PROT: unknown setting; did you mean "
        "'ACTIONHERO_WEB__PORT'? if it belongs to a plugin, install and enable the "
        "plugin; otherwise remove the setting",
        environ={"ACTIONHERO_WEB_PROT": "8080"},
    ),
    Mistake(
        "a misspelled variable",
        "",
        "1 invalid setting:\n"
        "  ACTIONHERO_WEB__PROT: unknown setting 'web.prot'; did you mean "
        "'ACTIONHERO_WEB__PORT'?",
        environ={"ACTIONHERO_WEB__PROT": "8080"},
    ),
    Mistake(
        "a variable without a section",
        "",
        "1 invalid setting:\n"
        "  ACTIONHERO_PORT: unknown setting; did you mean 'ACTIONHERO_WEB__PORT'? "
        "if it belongs to a plugin, install and enable the plugin; otherwise remove"
        " the setting",
        environ={"ACTIONHERO_PORT": "8080"},
    ),
    Mistake(
        "a variable for the environment with another name",
        "",
        "1 invalid setting:\n"
        "  ACTIONHERO_ENVIRONMENT: unknown setting; did you mean 'ACTIONHERO_ENV'?",
        environ={"ACTIONHERO_ENVIRONMENT": "production"},
    ),
    Mistake(
        "an unknown environment",
        "",
        "ACTIONHERO_ENV: unknown environment 'prod'; did you mean 'production'?",
        environ={"ACTIONHERO_ENV": "prod"},
    ),
    Mistake(
        "an address of Redis without a scheme",
        "",
        "1 invalid setting:\n"
        "  REDIS_URL: invalid value 'localhost:6379': its scheme is not supported; "
        "supported URLs: redis://user:******@host:6379/0, rediss:// for TLS, "
        "unix:///path/to/redis.sock, "
        "redis+sentinel://host:26379,host2:26379/service/0, "
        "redis+cluster://host:6379,host2:6379",
        environ={"REDIS_URL": "localhost:6379"},
    ),
    Mistake(
        "a syntax error",
        """
        def greet(:
        """,
        "application 'guestbook' cannot be imported: after guestbook: SyntaxError: "
        "invalid syntax (guestbook.py); fix the module",
    ),
    Mistake(
        "a missing indentation",
        """
        class Greet(Action):
        name = 'greet'
        """,
        "application 'guestbook' cannot be imported: after guestbook: "
        "IndentationError: expected an indented block after class definition on "
        "line 1 (guestbook.py); fix the module",
    ),
    Mistake(
        "a library that is not installed",
        """
        import no_such_library
        """,
        "application 'guestbook' cannot be imported: after guestbook: "
        "ModuleNotFoundError: No module named 'no_such_library' (guestbook.py); "
        "install 'no_such_library' in this environment, or fix the import",
    ),
    Mistake(
        "a name that is not defined",
        """
        print(gret)
        """,
        "application 'guestbook' cannot be imported: after guestbook: NameError: "
        "name 'gret' is not defined (guestbook.py); define or import 'gret' before "
        "this line",
    ),
    Mistake(
        "an import of a name that does not exist",
        """
        from actionhero import Acton
        """,
        "application 'guestbook' cannot be imported: after guestbook: ImportError: "
        "cannot import name 'Acton' from 'actionhero' (guestbook.py); did you mean "
        "'Action'?",
    ),
    Mistake(
        "a circular import",
        """
        from . import pages
        """,
        "application 'guestbook' cannot be imported: after guestbook: ImportError: "
        "cannot import name 'TITLE' from partially initialized module 'guestbook' "
        "(most likely due to a circular import) (guestbook/pages.py:1); move the "
        "shared names to a third module, or the import into the function",
        files={"guestbook/pages.py": "from . import TITLE\n"},
    ),
    Mistake(
        "an exit in a module",
        """
        import sys
        sys.exit(3)
        """,
        "application 'guestbook' cannot be imported: after guestbook: SystemExit: 3"
        " (guestbook.py); fix the module",
    ),
    Mistake(
        "a decorator of another framework",
        """
        import actionhero_web
        @actionhero_web.get("/greet")
        async def greet(): ...
        """,
        "application 'guestbook' cannot be imported: after guestbook: AttributeError: module "
        "'actionhero_web' has no attribute 'get' (guestbook.py); an action is a class: class "
        "Items(Action), with name, web and async def run",
    ),
    Mistake(
        "an application in code",
        """
        from actionhero import App
        app = App()
        """,
        "application 'guestbook' cannot be imported: after guestbook: TypeError: App.__init__() "
        "missing 3 required positional arguments: 'sources', 'mode', and 'host' (guestbook.py); "
        "applications are not created in code; an action is a class: class Items(Action), with "
        "name, web and async def run",
    ),
    Mistake(
        "an error of another framework",
        """
        from actionhero import HTTPException
        """,
        "application 'guestbook' cannot be imported: after guestbook: ImportError: cannot import "
        "name 'HTTPException' from 'actionhero' (guestbook.py); raise NotFound(…), Forbidden(…) "
        "or another subclass of TypedError",
    ),
    Mistake(
        "an injection of another framework",
        """
        from actionhero import Depends
        """,
        "application 'guestbook' cannot be imported: after guestbook: ImportError: cannot import "
        "name 'Depends' from 'actionhero' (guestbook.py); an initializer provides an object, and "
        "call.get(Class) returns it",
    ),
    Mistake(
        "an argument of a field of pydantic 1",
        """
        class GreetInputs(Inputs):
            name: str = Field(regex='^a')
        """,
        "application 'guestbook' cannot be imported: after guestbook: PydanticUserError: "
        "`regex` is removed (guestbook.py); use `pattern` instead",
    ),
    Mistake(
        "a validator of an unknown field",
        """
        from pydantic import field_validator
        class GreetInputs(Inputs):
            name: str
            @field_validator('nmae')
            def check(cls, value): ...
        """,
        "application 'guestbook' cannot be imported: after guestbook: PydanticUserError: "
        "Decorators defined with incorrect fields: guestbook.GreetInputs.check "
        "(guestbook.py); name fields of the model in the decorator",
    ),
    Mistake(
        "a field without a type",
        """
        class GreetInputs(Inputs):
            name = Field(min_length=3)
        """,
        "application 'guestbook' cannot be imported: after guestbook: PydanticUserError: "
        "Field 'name' requires a type annotation (guestbook.py); write its type, as in 'name:"
        " str = …'",
    ),
    Mistake(
        "an action as decorator",
        """
        @Action
        async def greet(name: str) -> str: ...
        """,
        "application 'guestbook' cannot be imported: after guestbook: TypeError: Action() "
        "takes no arguments (guestbook.py); Action is no decorator; an action is a class: "
        "class Items(Action), with name, web and async def run",
    ),
    Mistake(
        "an invalid status of a route",
        """
        class Greet(Action):
            name = 'greet'
            web = Route.get('/greet', status='200')
        """,
        "application 'guestbook' cannot be imported: after guestbook: ValueError: the status '200' "
        "is invalid; write a number from 200 to 599, or a function that returns one "
        "(guestbook.py)",
    ),
    Mistake(
        "a module as decorator",
        """
        from actionhero import action

        @action('greet')
        async def greet(name: str) -> str: ...
        """,
        "application 'guestbook' cannot be imported: after guestbook: TypeError: 'module' object "
        "is not callable (guestbook.py); 'action' is a module, and no decorator; an action is a "
        "class: class Items(Action), with name, web and async def run",
    ),
    Mistake(
        "a missing environment variable",
        """
        import os

        KEY = os.environ['GUESTBOOK_KEY']
        """,
        "application 'guestbook' cannot be imported: after guestbook: KeyError: 'GUESTBOOK_KEY' "
        "(guestbook.py); set the environment variable 'GUESTBOOK_KEY'",
    ),
    Mistake(
        "an import of a misspelled module of the package",
        "from .modls import Entry\n",
        "application 'guestbook' cannot be imported: after guestbook: ModuleNotFoundError: No "
        "module named 'guestbook.modls' (guestbook.py); did you mean 'models'?",
        files={"guestbook/models.py": ""},
    ),
    Mistake(
        "an import of a module that the package does not have",
        "from .entries import Entry\n",
        "application 'guestbook' cannot be imported: after guestbook: ModuleNotFoundError: No "
        "module named 'guestbook.entries' (guestbook.py); create this module, or fix the import",
    ),
    Mistake(
        "a class without a schema in a model",
        """
        class Book: ...
        class GreetInputs(Inputs):
            book: Book
        """,
        "application 'guestbook' cannot be imported: after guestbook: "
        "PydanticSchemaGenerationError: Unable to generate pydantic-core schema for <class "
        "'guestbook.Book'> (guestbook.py); use a model, a dataclass, a typed dictionary, or a type "
        "that pydantic supports as the type of the field",
    ),
]
