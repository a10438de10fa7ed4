"""The HTML of the console and of its sign-in form, without inline scripts and styles."""

from __future__ import annotations

import html
from typing import Final

# Links are relative, because a proxy may add a prefix to the path. `{folder}` is its last part.
_HEAD: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
<link rel="icon" href="{folder}/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="{folder}/console.css">
"""

_PAGE: Final = (
    _HEAD
    + """\
<script type="module" src="{folder}/console.js"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<div class="frame">
<header class="side">
<div class="brand"><img src="{folder}/icon.svg" alt="" width="26" height="26">
<span><b>{name}</b><small>Console</small></span>
<button id="menu" type="button" aria-expanded="false" aria-controls="navigation"
aria-label="Menu"></button></div>
<nav id="navigation" aria-label="Panels"></nav>
<div class="account"><p id="operator"></p>{sign_out}</div>
</header>
<main id="main" class="content" tabindex="-1">
<div class="top"><h1 id="title" tabindex="-1">Console</h1>
<p id="connection" role="status" data-state="connecting"><span class="dot"></span>
<span>Connecting</span></p></div>
<div id="alerts"></div>
<div id="panel">
<noscript><p class="empty">The console needs JavaScript.</p></noscript>
</div>
</main>
</div>
<p id="notice" role="status" class="notice"></p>
<dialog id="confirmation" aria-labelledby="confirmation-title">
<form method="dialog">
<h2 id="confirmation-title"></h2>
<p class="buttons"><button value="no" type="submit">Back</button>
<button id="confirmation-button" class="danger" value="yes" type="submit">Confirm</button></p>
</form>
</dialog>
</body>
</html>
"""
)

_SIGN_OUT: Final = """\
<form method="post" action="{folder}/sign-out"><button type="submit">Sign out</button></form>
"""

_SIGN_IN: Final = (
    _HEAD
    + """\
<script type="module" src="{folder}/sign-in.js"></script>
</head>
<body class="sign-in">
<main>
<form class="card" method="post" action="{action}">
<img src="{folder}/icon.svg" alt="" width="44" height="44">
<h1>{name} <small>Console</small></h1>
{problem}{username}<p><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="current-password" required
{password_focus}{described}></p>
<button class="primary" type="submit">Sign in</button>
</form>
</main>
</body>
</html>
"""
)

_USERNAME: Final = """\
<p><label for="username">Name</label>
<input id="username" name="username" autocomplete="username" autocapitalize="none"
spellcheck="false" required autofocus></p>
"""


def render_page(name: str, folder: str, *, has_sign_out: bool) -> str:
    """Return the HTML of the console.

    Args:
        name: The name of the application.
        folder: The last part of the path of the console.
        has_sign_out: Whether the page has a button to sign out.
    """
    values = _escape(name, folder)
    sign_out = _SIGN_OUT.format(**values) if has_sign_out else ""
    return _PAGE.format(title=f"Console · {values['name']}", sign_out=sign_out, **values)


def render_sign_in(
    name: str, folder: str, problem: str = "", *, operator: str | None, is_below: bool = False
) -> str:
    """Return the HTML of the sign-in form.

    Args:
        name: The name of the application.
        folder: The last part of the path of the console.
        problem: The error of the previous attempt.
        operator: The name of the only operator; `None`: the form asks for the name.
        is_below: Whether the path of the request is one level below the console.
    """
    values = _escape(name, f"../{folder}" if is_below else folder)
    alert = f'<p class="problem" id="problem" role="alert">{html.escape(problem)}</p>\n'
    username = _USERNAME
    if operator is not None:
        value = html.escape(operator)
        username = (
            f'<input name="username" value="{value}" autocomplete="username" aria-label="Name" '
            "hidden>\n"
        )
    return _SIGN_IN.format(
        title=f"Sign in · {values['name']}",
        action="sign-in" if is_below else f"{values['folder']}/sign-in",
        problem=alert if problem else "",
        username=username,
        password_focus="" if operator is None else "autofocus",
        described=' aria-invalid="true" aria-describedby="problem"' if problem else "",
        **values,
    )


def _escape(name: str, folder: str) -> dict[str, str]:
    return {"name": html.escape(name), "folder": html.escape(folder)}
