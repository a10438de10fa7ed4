"""Mistakes in the method `run` of actions."""

from __future__ import annotations

from tests.mistakes.application import Mistake, greet, run

SIGNATURES: list[Mistake] = [
    Mistake(
        "a run without async",
        run("def run(self, call: Call) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has 'def run'; "
        "write 'async def run', and call blocking code by 'await "
        "asyncio.to_thread(…)'",
    ),
    Mistake(
        "a run as static method",
        """
        class Greet(Action):
            name = 'greet'
            @staticmethod
            async def run(call: Call) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') has run as a "
        "staticmethod; write 'async def run(self, …)'",
    ),
    Mistake(
        "a run with another name",
        run("async def execute(self, call: Call) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has no 'async def "
        "run'; rename 'execute', or write async def run(self, inputs, call)",
    ),
    Mistake(
        "a run without self",
        run("async def run(name: str) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run(name: str) "
        "-> str without 'self'; write 'async def run(self, name: str) -> str'",
    ),
    Mistake(
        "a run without parameters",
        run("async def run() -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run() -> str "
        "without 'self'; write 'async def run(self) -> str'",
    ),
    Mistake(
        "an input without type",
        run("async def run(self, name) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run(self, name)"
        " -> str with 'name' without annotation; declare its type, as in 'name: "
        "str'",
    ),
    Mistake(
        "inputs without type",
        run("async def run(self, inputs, call: Call) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run(self, "
        "inputs, call: actionhero.call.Call) -> str with 'inputs' without "
        "annotation; annotate it with a model, as in 'inputs: GreetInputs', or "
        "declare each input as a parameter, as in 'name: str'",
    ),
    Mistake(
        "a request as parameter",
        run("async def run(self, request) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run(self, "
        "request) -> str with 'request' without annotation; declare its type, as in"
        " 'request: str', if it is an input; the call is passed as 'call', all "
        "inputs as 'inputs', and the request over HTTP is call.connection.raw",
    ),
    Mistake(
        "a request of aiohttp as parameter",
        """
        from aiohttp import web
        class Greet(Action):
            name = 'greet'
            async def run(self, request: web.Request) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') takes 'request' of "
        "the type aiohttp.web_request.Request, which cannot be an input; the "
        "request over HTTP is call.connection.raw, of a parameter 'call: Call'",
    ),
    Mistake(
        "a call with another name",
        run("async def run(self, ctx: Call) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') takes the call as "
        "'ctx'; name this parameter 'call'",
    ),
    Mistake(
        "a dictionary as inputs",
        run("async def run(self, inputs: dict) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') takes inputs of "
        "dict, without names and types; declare each input as a parameter, as in "
        "'name: str', annotate inputs with a model, or with dict[str, Any] to take "
        "everything",
    ),
    Mistake(
        "a text as inputs",
        run("async def run(self, inputs: str) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') takes inputs of "
        "str, which has no names; declare it as a parameter of its own, as in "
        "'value: str'",
    ),
    Mistake(
        "keyword arguments",
        run("async def run(self, **inputs) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run(self, "
        "**inputs) -> str with '**inputs', which names no input; declare each input"
        " as a parameter",
    ),
    Mistake(
        "a class without a schema as input",
        """
        class Book: ...
        class Greet(Action):
            name = 'greet'
            async def run(self, book: Book) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') takes 'book' of the"
        " type guestbook.Book, which cannot be an input; use a model, a dataclass, "
        "a typed dictionary, or a type that pydantic supports; an object that an initializer "
        "provides is call.get(Book)",
    ),
    Mistake(
        "a type of another language",
        run("async def run(self, id: integer) -> str:"),
        "application 'guestbook' cannot be imported: after guestbook: NameError: "
        "name 'integer' is not defined (guestbook.py); write 'int'",
    ),
    Mistake(
        "a type of another language in quotes",
        run("async def run(self, id: 'integer') -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') annotates id as "
        "'integer', and name 'integer' is not defined; write 'int'",
    ),
    Mistake(
        "a type of typing that is not imported",
        run("async def run(self, id: Optional[int]) -> str:"),
        "application 'guestbook' cannot be imported: after guestbook: NameError: "
        "name 'Optional' is not defined (guestbook.py); add 'from typing import "
        "Optional'",
    ),
    Mistake(
        "a misspelled model",
        """
        class GreetInputs(Inputs):
            name: str
        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: GreetInput) -> str:
                return 'Hello!'
        """,
        "application 'guestbook' cannot be imported: after guestbook: NameError: "
        "name 'GreetInput' is not defined (guestbook.py); did you mean "
        "'GreetInputs'?",
    ),
    Mistake(
        "a misspelled model in quotes",
        """
        class GreetInputs(Inputs):
            name: str
        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: 'GreetInput') -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') annotates inputs as"
        " 'GreetInput', and name 'GreetInput' is not defined; did you mean "
        "'GreetInputs'?",
    ),
    Mistake(
        "a type of another language in a model",
        """
        class GreetInputs(Inputs):
            id: 'string'
        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: GreetInputs) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') takes inputs of "
        "<class 'guestbook.GreetInputs'>, which cannot be validated: name 'string' "
        "is not defined; write 'str'",
    ),
    Mistake(
        "an unknown result",
        run("async def run(self) -> 'Greeting':"),
        "action 'greet' (guestbook.py, application 'guestbook') annotates its "
        "result as 'Greeting', and name 'Greeting' is not defined; did you mean "
        "'Greet'?",
    ),
    Mistake(
        "a route that hides a module",
        """
        from aiohttp import web
        class Greet(Action):
            name = 'greet'
            web = 'GET /greet'
            async def run(self) -> web.Response:
                return 'Hello!'
        """,
        "application 'guestbook' cannot be imported: after guestbook: "
        "AttributeError: 'str' object has no attribute 'Response' (guestbook.py); "
        "in the class, 'web' is its attribute, which hides the module; import the "
        "name, as in 'from aiohttp.web import Response'",
    ),
    Mistake(
        "an action with arguments",
        greet("def __init__(self, database): ..."),
        "action 'greet' (guestbook.py, application 'guestbook') cannot be created "
        "without arguments: TypeError: Greet.__init__() missing 1 required "
        "positional argument: 'database'; get resources by call.get in run",
    ),
    Mistake(
        "an action without a name",
        """
        class Greet(Action):
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "action 'Greet' (guestbook.py, application 'guestbook') has no name; set "
        "name = 'noun:verb' on the class",
    ),
    Mistake(
        "a name with a space",
        """
        class Greet(Action):
            name = 'greet me'
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "action 'Greet' (guestbook.py, application 'guestbook') has the name 'greet"
        " me'; use ASCII letters, digits and ':._-' only, a letter or digit first",
    ),
    Mistake(
        "two actions with one name",
        greet() + greet().replace("Greet", "Welcome"),
        "two actions are called 'greet': Greet (guestbook.py, application "
        "'guestbook') and Welcome (guestbook.py, application 'guestbook'); rename "
        "one, give one another version, or disable one of the plugins",
    ),
    Mistake(
        "two actions with one route",
        """
        class Greet(Action):
            name = 'greet'
            web = 'GET /greet'
            async def run(self, call: Call) -> str:
                return 'Hello!'
        class Welcome(Action):
            name = 'welcome'
            web = 'GET /greet'
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "the route 'GET /greet' of action 'greet' (guestbook.py, application "
        "'guestbook') and the route 'GET /greet' of action 'welcome' (guestbook.py,"
        " application 'guestbook') match the same requests; change the path or the "
        "method of one of them (reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "an action that is not one",
        greet("web = 'GET /greet'").replace("(Action)", ""),
        "class 'Greet' (guestbook.py) has a name and 'async def run', and is no "
        "action; write class Greet(Action)",
        starts=True,
    ),
    Mistake(
        "a run as property",
        """
        class Greet(Action):
            name = 'greet'
            @property
            async def run(self) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') has run as a property; write "
        "'async def run(self, …)'",
    ),
    Mistake(
        "a cached run",
        """
        import functools
        class Greet(Action):
            name = 'greet'
            @functools.lru_cache
            async def run(self, name: str) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') has an object of the type "
        "'_lru_cache_wrapper' as run, as by a decorator; write async def run(self, inputs, "
        "call), without it",
    ),
    Mistake(
        "a decorator without async",
        """
        def logged(function):
            def wrapper(*args, **kwargs):
                return function(*args, **kwargs)
            return wrapper
        class Greet(Action):
            name = 'greet'
            @logged
            async def run(self, name: str) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') has 'def wrapper' in place of"
        " run, as by a decorator; write 'async def wrapper', with @functools.wraps(…), or a "
        "middleware",
    ),
    Mistake(
        "a decorator without wraps",
        """
        def logged(function):
            async def wrapper(*args, **kwargs):
                return await function(*args, **kwargs)
            return wrapper
        class Greet(Action):
            name = 'greet'
            @logged
            async def run(self, name: str) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') has run(*args, **kwargs) "
        "with '**kwargs', which names no input; declare each input as a parameter, and "
        "mark 'wrapper' of the decorator with @functools.wraps(…)",
    ),
    Mistake(
        "an instance as inputs",
        """
        class GreetInputs(Inputs):
            name: str = ''
        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: GreetInputs()) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') takes inputs of "
        "GreetInputs(name=''), which cannot be validated: Unable to generate pydantic-core "
        "schema for GreetInputs(name=''); write the class, as in 'inputs: GreetInputs'",
    ),
    Mistake(
        "a model without a base",
        """
        class GreetInputs:
            name: str
        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: GreetInputs) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') takes inputs of <class "
        "'guestbook.GreetInputs'>, which cannot be validated: Unable to generate pydantic-"
        "core schema for <class 'guestbook.GreetInputs'>; write class GreetInputs(Inputs)",
    ),
    Mistake(
        "a misspelled argument of a field",
        run("async def run(self, name: str = Field(min_lenght=3)) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has the input 'name' with "
        "Field(min_lenght=…), which nothing reads; did you mean 'min_length'?",
    ),
    Mistake(
        "a length of a number",
        run("async def run(self, age: int = Field(max_length=3)) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has the input 'age' with "
        "Field(max_length=…), which numbers cannot have; write ge=… or le=…",
    ),
    Mistake(
        "a minimum of a text",
        run("async def run(self, name: str | None = Field(None, ge=3)) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has the input 'name' with "
        "Field(ge=…), which is for numbers; write min_length=… or max_length=…",
    ),
    Mistake(
        "a parameter before a slash",
        run("async def run(self, name: str, /) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run(self, name: str, /) "
        "-> str with 'name' before '/'; inputs are passed by name, so leave the '/' out",
    ),
    Mistake(
        "a default of another type",
        run("async def run(self, age: int = 'x') -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has the input 'age' with the "
        "default 'x', which does not fit its annotation: input should be a valid integer, "
        "unable to parse string as an integer; change one of them",
    ),
    Mistake(
        "an input with the name of the call",
        run("async def run(self, call: str) -> str:"),
        "action 'greet' (guestbook.py, application 'guestbook') has run(self, call: str) -> str "
        "with 'call' of the type str, but this parameter is the call; rename it",
    ),
    Mistake(
        "an underscore in inputs",
        """
        class GreetInputs(Inputs):
            _name: str
        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: GreetInputs) -> str:
                return inputs._name
        """,
        "action 'greet' (guestbook.py, application 'guestbook') has the field '_name' in "
        "GreetInputs, which is private and no input; write 'name', or Field(alias='_name') if "
        "clients send the underscore",
    ),
    Mistake(
        "a validator with async",
        """
        from pydantic import field_validator
        class GreetInputs(Inputs):
            name: str
            @field_validator('name')
            @classmethod
            async def check(cls, name):
                return name
        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: GreetInputs) -> str:
                return inputs.name
        """,
        "action 'greet' (guestbook.py, application 'guestbook') has the validator 'check' in "
        "GreetInputs with 'async def', which is not awaited; write 'def', and check in run what "
        "needs 'await'",
    ),
]
