"""The floor: a raw ASGI application that reads the body and answers a constant."""

import sys
from typing import Any

import uvicorn

ANSWER = b'{"label":[0],"probabilities":[[0.5,0.5]]}'


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request."""
    if scope["type"] != "http":
        return
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


if __name__ == "__main__":
    uvicorn.run(app, port=int(sys.argv[2]), lifespan="off", access_log=False, log_level="warning")
