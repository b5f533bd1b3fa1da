"""The prediction service: an ASGI application that serves the models of runs (Starlette)."""
