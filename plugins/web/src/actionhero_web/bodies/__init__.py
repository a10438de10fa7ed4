"""The bodies of requests: reader with limits, media types, forms and multipart forms."""
