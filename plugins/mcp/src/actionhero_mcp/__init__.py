"""Actions of ActionHero as tools, resources and prompts of the Model Context Protocol (MCP).

Importing `Tool`, `Resource`, `Prompt` and `Content`, for authors of actions, imports no aiohttp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from actionhero import lazy_names

if TYPE_CHECKING:
    from actionhero_mcp.connection import McpConnection as McpConnection
    from actionhero_mcp.content import Content as Content
    from actionhero_mcp.content import PromptMessage as PromptMessage
    from actionhero_mcp.peer import Peer as Peer
    from actionhero_mcp.prompt import Prompt as Prompt
    from actionhero_mcp.resource import Resource as Resource
    from actionhero_mcp.settings import McpSettings as McpSettings
    from actionhero_mcp.testing import McpClient as McpClient
    from actionhero_mcp.testing import mcp_client as mcp_client
    from actionhero_mcp.tool import Tool as Tool

__getattr__, __dir__, __all__ = lazy_names(
    __name__,
    {
        ".connection": ["McpConnection"],
        ".content": ["Content", "PromptMessage"],
        ".peer": ["Peer"],
        ".prompt": ["Prompt"],
        ".resource": ["Resource"],
        ".settings": ["McpSettings"],
        ".testing": ["McpClient", "mcp_client"],
        ".tool": ["Tool"],
    },
)
