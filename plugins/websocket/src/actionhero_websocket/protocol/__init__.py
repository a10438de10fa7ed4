"""The WebSocket protocol (RFC 6455, RFC 7692): frames, handshake, and the sockets of a process."""
