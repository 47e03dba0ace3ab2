"""The service as a Ray Serve application: its own ASGI application in each replica, its metrics added up by one owner."""
