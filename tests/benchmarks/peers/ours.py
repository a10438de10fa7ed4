"""The same as an application of ours, written as our manual shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

from tests.benchmarks.peers import work

from actionhero import Action, Field, Inputs, Secret, hookimpl

if TYPE_CHECKING:
    from collections.abc import Iterable


class NewUserInputs(Inputs):
    """The inputs of a new user."""

    name: str = Field(min_length=3)
    email: str = Field(pattern=work.EMAIL)
    password: Secret[str] = Field(min_length=8)


class WhichUserInputs(Inputs):
    """The requested user, and the form of the response."""

    id: int
    verbose: bool = False


class Made(TypedDict):
    """The user that was made."""

    user: work.User


class Shown(TypedDict):
    """The requested user."""

    user: work.User
    verbose: bool


class ShowAbout(Action):
    """Handle W1."""

    name = "about"
    web = "GET /about"

    async def run(self) -> work.About:
        return work.about()


class MakeUser(Action):
    """Handle W2 and W2b."""

    name = "user:create"
    web = "POST /user"

    async def run(self, inputs: NewUserInputs) -> Made:
        return {"user": work.new_user(inputs.name, inputs.email)}


class ShowUser(Action):
    """Handle W3."""

    name = "user:view"
    web = "GET /user/{id}"

    async def run(self, inputs: WhichUserInputs) -> Shown:
        return {"user": work.user(inputs.id), "verbose": inputs.verbose}


def thing(name: str, path: str) -> type[Action]:
    """Return an action that is never called, with its own inputs."""

    class ThingInputs(Inputs):
        id: int

    class ShowThing(Action):
        """Respond to a request that is never made."""

        async def run(self, inputs: ThingInputs) -> dict[str, object]:
            return {}

    ShowThing.name = name
    ShowThing.web = path
    return ShowThing


@hookimpl
def actionhero_actions() -> Iterable[type[Action]]:
    # The three above are found automatically, as in every application.
    return [thing(name, f"GET /{name}/{{id}}") for name in work.THINGS]
