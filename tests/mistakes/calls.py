"""Mistakes that are found when an action is called."""

from __future__ import annotations

from tests.mistakes.application import Mistake, run

CALLS: list[Mistake] = [
    Mistake(
        "a forgotten await",
        """
        class Greet(Action):
            name = 'greet'
            async def run(self) -> list[str]:
                return self.entries()

            async def entries(self) -> list[str]:
                return []
        """,
        "action 'greet' failed: did you forget 'await' in 'greet'? run returned a "
        "coroutine of 'Greet.entries' instead of its result (guestbook.py: return "
        "self.entries())",
    ),
    Mistake(
        "a forgotten await without return annotation",
        """
        class Greet(Action):
            name = 'greet'
            async def run(self):
                return self.entries()

            async def entries(self) -> list[str]:
                return []
        """,
        "action 'greet' failed: did you forget 'await' in 'greet'? run returned a "
        "coroutine of 'Greet.entries' instead of its result (guestbook.py: return "
        "self.entries())",
    ),
    Mistake(
        "a forgotten await in a dictionary",
        """
        class Greet(Action):
            name = 'greet'
            async def run(self) -> dict[str, list[str]]:
                return {'entries': self.entries()}

            async def entries(self) -> list[str]:
                return []
        """,
        "action 'greet' failed: the result does not match the return annotation of "
        "run: /entries: a coroutine of 'Greet.entries'; did you forget 'await'? "
        "(guestbook.py)",
    ),
    Mistake(
        "a forgotten await in a dictionary without return annotation",
        """
        class Greet(Action):
            name = 'greet'
            async def run(self):
                return {'entries': self.entries()}

            async def entries(self) -> list[str]:
                return []
        """,
        "the result of action 'greet' cannot be encoded: /entries: a coroutine of "
        "'Greet.entries' cannot be written as JSON; did you forget 'await'? "
        "(guestbook.py: return {'entries': self.entries()})",
    ),
    Mistake(
        "a forgotten await in a dictionary of any values",
        """
        class Greet(Action):
            name = 'greet'
            async def run(self) -> dict[str, Any]:
                return {'entries': [1, {'last': self.entries()}]}

            async def entries(self) -> list[str]:
                return []
        """,
        "action 'greet' failed: the result of run is invalid: /entries/1/last: a coroutine of "
        "'Greet.entries' cannot be written as JSON; did you forget 'await'? (guestbook.py: "
        "return {'entries': [1, {'last': self.entries()}]})",
    ),
    Mistake(
        "a forgotten await in a plain dictionary",
        """
        class Greet(Action):
            name = 'greet'
            async def run(self) -> dict:
                return {'entries': [self.entries()]}

            async def entries(self) -> list[str]:
                return []
        """,
        "action 'greet' failed: the result of run is invalid: /entries/0: a coroutine of "
        "'Greet.entries' cannot be written as JSON; did you forget 'await'? (guestbook.py: "
        "return {'entries': [self.entries()]})",
    ),
    Mistake(
        "an object without a schema in a dictionary of any values",
        run("async def run(self) -> dict[str, Any]:", "return {'a': [object()]}"),
        "action 'greet' failed: the result of run is invalid: /a/0: a value of type 'object' "
        "cannot be written as JSON; return plain data, a dataclass or a pydantic model "
        "(guestbook.py)",
    ),
    Mistake(
        "a forgotten await of another action",
        run("async def run(self, call: Call) -> str:", "return call.run(Greet)"),
        "action 'greet' failed: did you forget 'await' in 'greet'? run returned a "
        "coroutine of 'Call.run' instead of its result (guestbook.py: return "
        "call.run(Greet))",
    ),
    Mistake(
        "a result and a status, as in Flask",
        run("async def run(self) -> dict[str, int]:", "return {'id': 1}, 201"),
        "action 'greet' failed: the result does not match the return annotation of "
        "run: /: Input should be a valid dictionary, not tuple; for another status,"
        " write it in the route, as in status=201 (guestbook.py)",
    ),
    Mistake(
        "no result",
        run("async def run(self) -> str:", "'Hello!'"),
        "action 'greet' failed: the result does not match the return annotation of "
        "run: /: Input should be a valid string, not NoneType (guestbook.py)",
    ),
    Mistake(
        "a result of another type",
        run("async def run(self) -> list[str]:", "return {'name': 'Ada'}"),
        "action 'greet' failed: the result does not match the return annotation of "
        "run: /: Input should be a valid list, not dict (guestbook.py)",
    ),
    Mistake(
        "an object without a schema",
        run("async def run(self):", "return object()"),
        "the result of action 'greet' cannot be encoded: a value of type 'object' "
        "cannot be written as JSON; return plain data, a dataclass or a pydantic "
        "model (guestbook.py)",
    ),
    Mistake(
        "an exception of Python",
        run("async def run(self) -> str:", "raise Exception('no such entry')"),
        "action 'greet' failed: no such entry",
    ),
    Mistake(
        "an exception without its message",
        run("async def run(self) -> str:", "raise NotFound"),
        "action 'greet' failed: TypedError.__init__() missing 1 required positional"
        " argument: 'message'",
    ),
    Mistake(
        "an error without super().__init__",
        """
        class Gone(TypedError):
            def __init__(self, id):
                self.id = id

        class Greet(Action):
            name = 'greet'
            async def run(self) -> str:
                raise Gone(1)
        """,
        "action 'greet' failed: Gone.__init__ does not call "
        "super().__init__(message); add the call",
    ),
    Mistake(
        "a resource that nothing provides",
        """
        class Mailer: ...

        class Greet(Action):
            name = 'greet'
            async def run(self, call: Call) -> str:
                return call.get(Mailer)
        """,
        "action 'greet' failed: nothing provides 'Mailer'; available: "
        "ActionsSettings, App, AppSettings, Application, AuditLog, ErrorsSettings, "
        "Health, LoggerSettings, PluginsSettings, ProcessSettings, WebSettings. "
        "Install and enable the plugin whose initializer provides it, or call "
        "app.provide in one of yours",
    ),
    Mistake(
        "another action by its name",
        run("async def run(self, call: Call) -> str:", "return await call.run('welcome')"),
        "action 'greet' failed: call.run takes the class of an action, not "
        "'welcome'; write call.run(Greet, …)",
    ),
    Mistake(
        "an event loop in an event loop",
        run("async def run(self) -> str:", "asyncio.get_running_loop().run_forever()"),
        "action 'greet' failed: This event loop is already running",
    ),
    Mistake(
        "inputs as a dictionary",
        """
        class GreetInputs(Inputs):
            name: str = 'Ada'

        class Greet(Action):
            name = 'greet'
            async def run(self, inputs: GreetInputs) -> str:
                return inputs['name']
        """,
        "action 'greet' failed: inputs have attributes, and no items; write inputs.name",
    ),
    Mistake(
        "a request where there is none",
        """
        class Greet(Action):
            name = 'greet'
            async def run(self, call: Call) -> str:
                return call.connection.raw.headers['Accept-Language']
        """,
        "action 'greet' uses call.connection.raw, which is None over test; declare "
        "headers and cookies as inputs, or check for None (guestbook.py)",
    ),
    Mistake(
        "a misspelled attribute of the call",
        run("async def run(self, call: Call) -> str:", "return call.sesion"),
        "action 'greet' failed: 'Call' object has no attribute 'sesion'; did you mean 'session'?",
    ),
    Mistake(
        "an attribute of a request of another framework",
        run("async def run(self, call: Call) -> str:", "return call.headers['Accept']"),
        "action 'greet' failed: 'Call' object has no attribute 'headers'; declare headers as "
        "inputs, as in Annotated[str, Header()]",
    ),
    Mistake(
        "a user of another framework",
        run("async def run(self, call: Call) -> str:", "return call.user.name"),
        "action 'greet' failed: 'Call' object has no attribute 'user'; the caller is "
        "call.principal",
    ),
    Mistake(
        "a missing input",
        run("async def run(self, name: str) -> str:"),
        "to the client: InvalidInput('Missing required param: name')",
    ),
    Mistake(
        "a result of middleware",
        """
        class Guard(Middleware):
            async def before(self, call):
                return {'allowed': False}

        class Greet(Action):
            name = 'greet'
            middleware = [Guard()]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "action 'greet' failed: Guard.before (guestbook.py) returned {'allowed': "
        "False}; return an Outcome, or nothing",
    ),
    Mistake(
        "a result of middleware after the call",
        """
        class Wrap(Middleware):
            async def after(self, call, outcome):
                return {'data': outcome.value}

        class Greet(Action):
            name = 'greet'
            middleware = [Wrap()]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "action 'greet' failed: Wrap.after (guestbook.py) returned {'data': "
        "'Hello!'}; return an Outcome, or nothing",
    ),
    Mistake(
        "an error that is returned",
        run("async def run(self) -> str:", "return NotFound('no entry')"),
        "action 'greet' failed: the result does not match the return annotation of "
        "run: /: Input should be a valid string, not NotFound; raise it, as in 'raise "
        "NotFound(…)' (guestbook.py)",
    ),
    Mistake(
        "an error that is returned without return annotation",
        run("async def run(self):", "return NotFound('no entry')"),
        "the result of action 'greet' cannot be encoded: a value of type 'NotFound' "
        "cannot be written as JSON; raise it (guestbook.py)",
    ),
    Mistake(
        "a resource by its name",
        run("async def run(self, call: Call) -> str:", "return call.get('database')"),
        "action 'greet' failed: resources are found by their class, not by "
        "'database'; write call.get(Database), with the class imported",
    ),
    Mistake(
        "a logger of another framework",
        run("async def run(self, call: Call) -> str:", "call.logger.info('Hello!')"),
        "action 'greet' failed: 'Call' object has no attribute 'logger'; write log messages by "
        "logging.getLogger(__name__)",
    ),
    Mistake(
        "a job of another framework",
        run("async def run(self, call: Call) -> str:", "await call.enqueue('greet')"),
        "action 'greet' failed: 'Call' object has no attribute 'enqueue'; jobs are enqueued by "
        "call.get(Tasks), of actionhero_tasks",
    ),
    Mistake(
        "an assertion without a message",
        run("async def run(self) -> str:", "assert 1 > 2"),
        "action 'greet' failed: AssertionError",
    ),
    Mistake(
        "a missing key",
        run("async def run(self) -> str:", "return {}['name']"),
        "action 'greet' failed: KeyError: 'name'",
    ),
]
