"""The application of the settings file, for tests without a marker."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

OPTIONS = ("-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function")

ACTIONS = """
from actionhero import Action


class Honk(Action):
    '''Honk the horn.'''

    name = "honk"
    web = "GET /honk"

    async def run(self) -> str:
        return "beep"
"""


def test_the_application_of_the_settings_file_is_run(pytester: pytest.Pytester) -> None:
    """`app` is the configured package, with all its transports."""
    pytester.makefile(
        ".toml",
        actionhero='[app]\npackage = "garage"\n[plugins]\nenabled = ["web", "db", "tasks"]\n',
    )
    pytester.makepyfile(garage=ACTIONS)
    pytester.makepyfile(
        test_garage="""
        async def test_honk(caller, http):
            assert await caller.call("honk") == "beep"
            async with http.get("/api/honk") as response:
                assert await response.json() == "beep"

        async def test_honk_over_each_transport(each_caller):
            assert await each_caller.call("honk") == "beep"
        """
    )

    result = pytester.runpytest_subprocess(*OPTIONS, "-W", "error")

    # One test with `caller` and `http`, and four with `each_caller`: test, CLI, HTTP and queue.
    result.assert_outcomes(passed=5)


def test_an_unknown_option_of_the_marker_is_an_error(pytester: pytest.Pytester) -> None:
    """The message lists the options."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.actionhero(setings=[])
        async def test_it(app):
            pass
        """
    )

    result = pytester.runpytest_subprocess(*OPTIONS)

    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*unknown option setings of the marker 'actionhero'; it is: *"])
