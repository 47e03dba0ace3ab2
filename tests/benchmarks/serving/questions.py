"""A question to a server: the body that it takes, and whether its answer is what onnxruntime says itself."""

import http.client
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Outputs = Mapping[str, NDArray[Any]]
"""Arrays by the graph's name of the output."""

RELATIVE, ABSOLUTE = 1e-3, 1e-5
"""How far an answer may be from the reference: float32 sums in another order, where requests ran together."""


class Answer(NamedTuple):
    """As it came."""

    status: int
    headers: Mapping[str, str]
    """names in lower case"""
    body: bytes


class Question(NamedTuple):
    """One request that is asked over and over."""

    path: str
    headers: Mapping[str, str]
    body: bytes
    read: Callable[[Answer], Outputs]
    """gets the outputs out of an answer; LookupError, ValueError or TypeError if they are not in it"""
    outputs: Collection[str]
    """that the answer must hold"""
    reference: Outputs


def ask(port: int, question: Question, seconds: float = 60.0) -> Answer:
    """Ask once, over a connection of its own.

    Raises:
        OSError: if nobody listens or the connection breaks.
        http.client.HTTPException: if what came is no HTTP.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=seconds)
    try:
        connection.request("POST", question.path, question.body, dict(question.headers))
        response = connection.getresponse()
        headers = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers, response.read())
    finally:
        connection.close()


def find_fault(question: Question, answer: Answer) -> str | None:
    """Return what is wrong with an answer; None if all that was asked for is there and is the reference's."""
    if answer.status != 200:
        return f"status {answer.status}: {answer.body[:200]!r}"
    try:
        found = question.read(answer)
    except (LookupError, ValueError, TypeError) as error:
        return f"no answer can be read ({type(error).__name__}: {error}) from {answer.body[:200]!r}"
    if missing := sorted(set(question.outputs) - found.keys()):
        return f"it holds no {', '.join(missing)}"
    for name, value in found.items():
        expected = question.reference[name]
        if value.shape != expected.shape:
            return f"{name} has the shape {value.shape}, not {expected.shape}"
        if not np.allclose(value, expected, RELATIVE, ABSOLUTE):
            worst = float(np.abs(value - expected).max())
            return f"{name} is off by up to {worst:.2g}"
    return None


def find_fault_of(port: int, question: Question) -> str | None:
    """Ask once, and return what is wrong with the answer."""
    try:
        return find_fault(question, ask(port, question))
    except (OSError, http.client.HTTPException) as error:
        return f"{type(error).__name__}: {error}"
