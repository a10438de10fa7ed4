from __future__ import annotations
import sys, asyncio, pytest
sys.path.insert(0,"/tmp/dbtry")
from actionhero import Action, Inputs, hookimpl, Conflict
from actionhero.testing import running_app
from actionhero_db import Models, Transaction, plugin, Database, Page
from actionhero_db.testing import postgres_server, postgres_url
from tortoise.exceptions import IntegrityError
import time
class P:
    @hookimpl
    def actionhero_db_models(self):
        return [Models("try", ["try_models"])]
class In(Inputs):
    email: str
class Add(Action):
    name="add"
    middleware=[Transaction()]
    async def run(self, inputs: In):
        from try_models import Person
        try:
            p = await Person.create(email=inputs.email)
        except IntegrityError:
            raise Conflict("taken") from None
        return {"id":p.id}
class L(Action):
    name="ls"
    async def run(self, inputs: Page):
        from try_models import Person
        rows, pag = await inputs.fetch(Person.all().order_by("id"))
        return {"rows":[r.email for r in rows], "pagination": pag}
@pytest.mark.parametrize("kind",["sqlite","postgres"])
async def test_it(kind, request):
    env = {} if kind=="sqlite" else {"DATABASE_URL": request.getfixturevalue("postgres_url")}
    async with running_app(plugin, P(), Add, L, environ=env) as app:
        t=time.perf_counter()
        out = await asyncio.gather(*(app.connect().outcome("add", email="a@b") for _ in range(100)))
        print(kind, time.perf_counter()-t)
        assert sum(o.ok for o in out)==1
        assert {type(o.error).__name__ for o in out if not o.ok}=={"Conflict"}
        print(await app.call("ls"))
        o = await app.connect().outcome("add", email="a\0b"); print(repr(o.error), repr(o.error.__cause__), o.stack)
        o = await app.connect().outcome("add", email="a\ud800b"); print(repr(o.error), repr(o.error.__cause__), o.stack)
        from try_models import Person
        print(await Person.all().count())
