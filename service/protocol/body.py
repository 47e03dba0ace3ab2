"""Reading a request body within its limit."""

from starlette.requests import ClientDisconnect, Request

from service.errors import BodyTooLargeError, ClientGoneError, MalformedRequestError


async def read_body(request: Request, limit: int) -> bytes:
    """Return the whole body, refusing it as soon as it is known to be over `limit` bytes.

    Raises:
        BodyTooLargeError: before reading, where the length is announced, else at the byte over the limit.
        MalformedRequestError: if the announced length is not a number.
        ClientGoneError: if the client hangs up.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal():
        raise MalformedRequestError(f"content-length {announced!r} is not a number of bytes")
    if int(announced) > limit:
        raise _too_large(limit)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise _too_large(limit)
    except ClientDisconnect:
        raise ClientGoneError("the client closed the connection before its request was whole") from None
    return bytes(body)


def _too_large(limit: int) -> BodyTooLargeError:
    return BodyTooLargeError(f"the body is over the limit of {limit} bytes: send fewer rows, or raise max_body_bytes")
