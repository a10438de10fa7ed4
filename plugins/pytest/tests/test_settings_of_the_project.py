"""Without a marker, the application is that of the folder in which the tests are."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

OPTIONS = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")

ACTIONS = """
from actionhero import Action


class Ring(Action):
    '''Ring the bell.'''

    name = "ring"
    web = "GET /ring"

    async def run(self) -> str:
        return "ding"
"""


def test_the_application_of_the_folder_is_run(pytester: pytest.Pytester) -> None:
    """`app` is what the settings file names, at each of its doors."""
    pytester.makefile(
        ".toml",
        actionhero='[app]\npackage = "belfry"\n[plugins]\nenabled = ["web", "db", "tasks"]\n',
    )
    pytester.makepyfile(belfry=ACTIONS)
    pytester.makepyfile(
        test_belfry="""
        async def test_ring(caller, http):
            assert await caller.call("ring") == "ding"
            async with http.get("/api/ring") as answer:
                assert await answer.json() == "ding"

        async def test_ring_at_each_door(each_caller):
            assert await each_caller.call("ring") == "ding"
        """
    )

    ended = pytester.runpytest_subprocess(*OPTIONS, "-W", "error")

    # One, and one for each of: the test itself, a shell, HTTP, a queue.
    ended.assert_outcomes(passed=5)


def test_a_marker_with_a_slip_is_told(pytester: pytest.Pytester) -> None:
    """What it takes is told with what it does not."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.actionhero(setings=[])
        async def test_it(app):
            pass
        """
    )

    ended = pytester.runpytest_subprocess(*OPTIONS)

    ended.assert_outcomes(errors=1)
    ended.stdout.fnmatch_lines(["*the marker 'actionhero' does not take setings; it is: *"])
