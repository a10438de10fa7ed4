"""The sockets, aiohttp's protocol, trusted proxies, and upgrades to WebSocket."""
