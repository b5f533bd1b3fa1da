"""The prediction service: an ASGI application that answers for the models of runs (Starlette)."""
