"""The service as a Ray Serve application: in each replica its own ASGI application, their metrics with one owner."""
