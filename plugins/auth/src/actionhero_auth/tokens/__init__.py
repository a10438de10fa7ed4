"""Tokens of other issuers (JWT, RFC 7519): their keys, their verification, their principals."""
