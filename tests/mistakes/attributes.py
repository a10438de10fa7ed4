"""Mistakes in the attributes of actions."""

from __future__ import annotations

from tests.mistakes.application import Mistake, greet, run

ATTRIBUTES: list[Mistake] = [
    Mistake(
        "a misspelled middleware",
        greet("middlewares = [SignedIn()]"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'middlewares', which nothing reads; did you mean 'middleware'? If it is "
        "your own, begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a misspelled requires",
        greet("require = SignedIn()"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'require', which nothing reads; did you mean 'requires'? If it is your "
        "own, begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a misspelled limit",
        greet("limits = '3/minute'"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'limits', which nothing reads; did you mean 'limit'? If it is your own, "
        "begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a misspelled web",
        greet("wbe = 'GET /greet'"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'wbe', which nothing reads; did you mean 'web'? If it is your own, begin "
        "its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a misspelled timeout",
        greet("timout = timedelta(seconds=3)"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'timout', which nothing reads; did you mean 'timeout'? If it is your own, "
        "begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a misspelled task",
        greet("tasks = {'every': timedelta(hours=1)}"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'tasks', which nothing reads; did you mean 'task'? If it is your own, "
        "begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a misspelled description",
        greet("descripton = 'Greet.'"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'descripton', which nothing reads; did you mean 'description'? If it is "
        "your own, begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a misspelled name",
        """
        class Greet(Action):
            nmae = 'greet'
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "action 'Greet' (guestbook.py, application 'guestbook') has the attribute "
        "'nmae', which nothing reads; did you mean 'name'? If it is your own, begin"
        " its name with an underscore, or write it in capitals\n"
        "action 'Greet' (guestbook.py, application 'guestbook') has no name; set "
        "name = 'noun:verb' on the class",
    ),
    Mistake(
        "an attribute that nothing reads",
        greet("colour = 'red'"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'colour', which nothing reads; remove it, or install the plugin that reads"
        " it; if it is your own, begin its name with an underscore, or write it in "
        "capitals",
        starts=True,
    ),
    Mistake(
        "an attribute of another framework",
        greet("path = '/greet'"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'path', which nothing reads; for a route, write web = 'GET /path'; if it "
        "is your own, begin its name with an underscore, or write it in capitals",
        starts=True,
    ),
    Mistake(
        "permissions of another framework",
        greet("permissions = ['admin']"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'permissions', which nothing reads, so it protects nothing; write requires"
        " = Permission('…'), or another requirement; if it is your own, begin its "
        "name with an underscore, or write it in capitals",
    ),
    Mistake(
        "authentication of another framework",
        greet("auth = True"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'auth', which nothing reads, so it protects nothing; write requires = "
        "SignedIn(), or another requirement; if it is your own, begin its name with"
        " an underscore, or write it in capitals",
    ),
    Mistake(
        "inputs as an attribute",
        greet("inputs = {'name': str}"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'inputs', which nothing reads; inputs are declared by the parameters of "
        "run, as in run(self, name: str); if it is your own, begin its name with an"
        " underscore, or write it in capitals",
    ),
    Mistake(
        "a requirement in another attribute",
        greet("guard = SignedIn()"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'guard', which nothing reads; write requires = …; if it is your own, begin"
        " its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a route in another attribute",
        greet("route = Route.get('/greet')"),
        "action 'greet' (guestbook.py, application 'guestbook') has the attribute "
        "'route', which nothing reads; write web = … for a route; if it is your "
        "own, begin its name with an underscore, or write it in capitals",
    ),
    Mistake(
        "a class as requirement",
        greet("requires = Scope"),
        "action 'greet' (guestbook.py, application 'guestbook') requires <class "
        "'actionhero.requirements.Scope'>, which is a class; create the "
        "requirement, as in Scope(…)",
    ),
    Mistake(
        "None as requirement",
        greet("requires = None"),
        "action 'greet' (guestbook.py, application 'guestbook') requires None, "
        "which is no requirement; write one, such as SignedIn(), or remove it",
    ),
    Mistake(
        "a text as requirement",
        greet("requires = 'admin'"),
        "action 'greet' (guestbook.py, application 'guestbook') requires 'admin', "
        "which is no requirement; write one, such as Scope('admin'), or remove it",
    ),
    Mistake(
        "a middleware without a list",
        greet("middleware = SignedIn()"),
        "action 'greet' (guestbook.py, application 'guestbook') has middleware = "
        "<SignedIn: a signed-in user>; write a list, as in middleware = "
        "[SignedIn()]",
    ),
    Mistake(
        "a class as middleware",
        greet("middleware = [SignedIn]"),
        "action 'greet' (guestbook.py, application 'guestbook') lists <class "
        "'actionhero.requirements.SignedIn'> as middleware, which is not an "
        "instance of Middleware; create it, as in SignedIn()",
    ),
    Mistake(
        "a function as middleware",
        """
        async def check(call): ...
        class Greet(Action):
            name = 'greet'
            middleware = [check]
            async def run(self, call: Call) -> str:
                return 'Hello!'
        """,
        "action 'greet' (guestbook.py, application 'guestbook') lists <function "
        "check> as middleware, which is not an instance of Middleware; subclass "
        "Middleware, and list an instance",
    ),
    Mistake(
        "a number as timeout",
        greet("timeout = 3"),
        "action 'greet' (guestbook.py, application 'guestbook') has timeout = 3; "
        "write timeout = timedelta(seconds=…)",
    ),
    Mistake(
        "a number as description",
        greet("description = 3"),
        "action 'greet' (guestbook.py, application 'guestbook') has description = "
        "3; write a text, or a docstring",
    ),
    Mistake(
        "a route without a method",
        greet("web = '/greet'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " the route '/greet' is not a method, a space and a path; write 'PUT /user'"
        " (reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "a route without a path",
        greet("web = 'GET'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " the route 'GET' is not a method, a space and a path; write 'PUT /user' "
        "(reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "a route without a slash",
        greet("web = 'GET greet'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " the path 'greet' does not start with '/'; write '/user/{id}' (reported by"
        " plugin 'actionhero_web')",
    ),
    Mistake(
        "a route with an unknown method",
        greet("web = 'FETCH /greet'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " the method 'FETCH' is not supported; available: GET, HEAD, POST, PUT, "
        "PATCH, DELETE (reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "a number as route",
        greet("web = 5"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " a route cannot be of type 'int'; write 'PUT /user', Route.put('/user'), a"
        " mapping with method and path, or a list of these (reported by plugin "
        "'actionhero_web')",
    ),
    Mistake(
        "a misspelled key of a route",
        greet("web = {'method': 'GET', 'pth': '/greet'}"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " a route has the unknown key 'pth'; did you mean 'path'? (reported by plugin "
        "'actionhero_web')",
    ),
    Mistake(
        "exchanged arguments of a route",
        greet("web = Route('/greet', 'GET')"),
        "application 'guestbook' cannot be imported: after guestbook: ValueError: "
        "the method '/greet' is not supported; write the method first, as in "
        "Route('GET', '/greet'), or Route.get('/greet') (guestbook.py)",
    ),
    Mistake(
        "a number as cache",
        greet("web = Route.get('/greet', cache=60)"),
        "application 'guestbook' cannot be imported: after guestbook: ValueError: "
        "the cache 60 is not of type 'Cache'; write cache=Cache(max_age=60) "
        "(guestbook.py)",
    ),
    Mistake(
        "a parameter of a path that is no input",
        run("async def run(self, name: str) -> str:", attribute="web = 'GET /greet/{nme}'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " the path '/greet/{nme}' has the parameter 'nme', but its inputs have no "
        "such field (available: name); fix the path or the inputs (reported by "
        "plugin 'actionhero_web')",
    ),
    Mistake(
        "a computed status of a stream",
        run(
            "async def run(self):",
            "yield 'Hello!'",
            attribute="web = Route.get('/greet', status=lambda result: 201)",
        ),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " the status of a stream is sent before its items, so it cannot be a "
        "function of the result; use a number (reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "a stream with a status without a body",
        run(
            "async def run(self):",
            "yield 'Hello!'",
            attribute="web = Route.get('/greet', status=204)",
        ),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web:"
        " a stream has a body, which the status 204 excludes; use 200 (reported by "
        "plugin 'actionhero_web')",
    ),
    Mistake(
        "a text as task",
        greet("task = 'mail'"),
        "action 'greet' (guestbook.py) has task = 'mail'; write Task(queue=…), or a"
        " dictionary of its arguments (reported by plugin 'actionhero_tasks')",
    ),
    Mistake(
        "a misspelled key of a task",
        greet("task = {'evry': timedelta(hours=1)}"),
        "action 'greet' (guestbook.py) has a task with the unknown key 'evry'; "
        "did you mean 'every'? (reported by plugin 'actionhero_tasks')",
    ),
    Mistake(
        "an interval in seconds",
        greet("task = Task(every=60)"),
        "action 'greet' (guestbook.py) has a task with every = 60; write "
        "timedelta(seconds=…), not below zero (reported by plugin "
        "'actionhero_tasks')",
    ),
    Mistake(
        "a schedule in words",
        greet("task = Task(cron='every minute')"),
        "action 'greet' (guestbook.py) has a task with cron = 'every minute': it "
        "has 2 fields, and requires five: minute, hour, day, month and day of week "
        "(reported by plugin 'actionhero_tasks')",
    ),
    Mistake(
        "a schedule with too few fields",
        greet("task = Task(cron='0 4 *')"),
        "action 'greet' (guestbook.py) has a task with cron = '0 4 *': it has 3 "
        "fields, and requires five: minute, hour, day, month and day of week "
        "(reported by plugin 'actionhero_tasks')",
    ),
    Mistake(
        "a time zone without a region",
        greet("task = Task(cron='0 4 * * *', timezone='Lisbon')"),
        "action 'greet' (guestbook.py) has a task with cron = '0 4 * * *': unknown "
        "time zone 'Lisbon'; write a region and a city, as in 'Europe/Lisbon' "
        "(reported by plugin 'actionhero_tasks')",
    ),
    Mistake(
        "a number as limit",
        greet("limit = 20"),
        "action 'greet' (guestbook.py, application 'guestbook') has limit = 20; "
        "write Limit('30/minute'), a rate, a dictionary of the arguments of Limit, "
        "a list of them, or None (reported by plugin 'actionhero_limits')",
    ),
    Mistake(
        "a misspelled key of a limit",
        greet("limit = {'rate': '20/minute', 'brust': 5}"),
        "action 'greet' (guestbook.py, application 'guestbook') has a limit with the unknown key "
        "'brust'; did you mean 'burst'? (reported by plugin 'actionhero_limits')",
    ),
    Mistake(
        "a misspelled argument of a class",
        greet("task = Task(evry=timedelta(hours=1))"),
        "application 'guestbook' cannot be imported: after guestbook: TypeError: Task.__init__() "
        "got an unexpected keyword argument 'evry' (guestbook.py); did you mean 'every'?",
    ),
    Mistake(
        "an unknown argument of a class",
        greet("limit = Limit('20/minute', zzz=5)"),
        "application 'guestbook' cannot be imported: after guestbook: TypeError: Limit.__init__() "
        "got an unexpected keyword argument 'zzz' (guestbook.py); available: rate, by, cost, "
        "burst, name",
    ),
    Mistake(
        "a limit with an unknown unit",
        greet("limit = Limit('20/minut')"),
        "action 'greet' (guestbook.py, application 'guestbook') has a limit with "
        "rate = '20/minut': '20/minut' is not a rate; write a number of calls and a"
        " period, as in '30/minute' or '3/10minutes' (units: second, minute, hour, "
        "day) (reported by plugin 'actionhero_limits')",
    ),
    Mistake(
        "a text as tool",
        greet("mcp = 'yes'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid mcp:"
        " it is 'yes'; write True, Tool(…), Resource(…), Prompt(…), a mapping with "
        "'tool', or a list of these (reported by plugin 'actionhero_mcp')",
    ),
    Mistake(
        "a misspelled key of a tool",
        greet("mcp = {'tol': {}}"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid mcp:"
        " it has the unknown key 'tol'; did you mean 'tool'? (reported by plugin "
        "'actionhero_mcp')",
    ),
    Mistake(
        "a misspelled argument of a tool",
        greet("mcp = {'tool': {'titel': 'Greet'}}"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid mcp:"
        " 'tool' has the unknown key 'titel'; did you mean 'title'? (reported by plugin "
        "'actionhero_mcp')",
    ),
    Mistake(
        "a text as exposure over WebSocket",
        greet("websocket = 'yes'"),
        "action 'greet' (guestbook.py, application 'guestbook') has websocket = "
        "'yes'; set it to True to expose the action over WebSocket, to \"ordered\" to"
        " run the calls of one client one after the other, to False not to expose "
        "it, or remove it (reported by plugin 'actionhero_websocket')",
    ),
    Mistake(
        "a text as date",
        greet("deprecated = '2027-01-31'"),
        "action 'greet' (guestbook.py, application 'guestbook') has deprecated = "
        "'2027-01-31'; write date(2027, 1, 31), or a datetime with a time zone",
    ),
    Mistake(
        "a text as version",
        greet("version = '2'"),
        "action 'greet' (guestbook.py, application 'guestbook') has version = '2'; "
        "write a number from 1, as in 2",
    ),
    Mistake(
        "a parameter of a path of another framework",
        greet(
            "web = 'GET /greet/<int:id>'",
            "    async def run(self, id: int) -> int:\n        return id\n",
        ),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web: the path "
        "'/greet/<int:id>' has the parameter '<int:id>'; write '{id}' and annotate the input as "
        "int (reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "a colon in place of an equals sign",
        greet("web: 'GET /greet'"),
        "action 'greet' (guestbook.py, application 'guestbook') has the annotation 'web: …' "
        "without a value, so it has no effect; write 'web = …'",
    ),
    Mistake(
        "a requirement after a colon",
        greet("requires: SignedIn()"),
        "action 'greet' (guestbook.py, application 'guestbook') has the annotation 'requires:"
        " …' without a value, so it has no effect; write 'requires = …'",
    ),
    Mistake(
        "a requirement in quotes after a colon",
        greet("requires: 'SignedIn()'"),
        "action 'greet' (guestbook.py, application 'guestbook') has the annotation 'requires:"
        " …' without a value, so it has no effect; write 'requires = …'",
    ),
    Mistake(
        "a number as name",
        """
        class Greet(Action):
            name = 5
            async def run(self) -> str:
                return 'Hello!'
        """,
        "action 'Greet' (guestbook.py, application 'guestbook') has name = 5; write a text, "
        "as in 'noun:verb'",
    ),
    Mistake(
        "a method of a route that is not called",
        greet("web = Route.get"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web: a route "
        "cannot be of type 'method'; write 'PUT /user', Route.put('/user'), a mapping with "
        "method and path, or a list of these (reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "a query in a route",
        greet("web = 'GET /greet?name={name}'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web: the path "
        "'/greet?name={name}' contains the invalid character '?'; remove it, or write it "
        "percent-encoded (reported by plugin 'actionhero_web')",
    ),
    Mistake(
        "an address as route",
        greet("web = 'GET http://localhost:8080/greet'"),
        "action 'greet' (guestbook.py, application 'guestbook') has an invalid web: the path "
        "'http://localhost:8080/greet' does not start with '/'; write '/user/{id}' (reported "
        "by plugin 'actionhero_web')",
    ),
]
