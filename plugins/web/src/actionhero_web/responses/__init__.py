"""The parts of responses: formats, headers, CORS, compression, streams."""
