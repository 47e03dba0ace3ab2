"""The listening address, without a service behind it."""

import socket
import sys
from contextlib import closing

import pytest

from service.listener import Listener


def listening() -> Listener:
    listener = Listener.bind("127.0.0.1", 0)
    listener.sockets[0].listen()
    return listener


def test_nobody_can_connect_before_somebody_listens() -> None:
    with closing(Listener.bind("127.0.0.1", 0)) as listener, pytest.raises(ConnectionRefusedError):
        socket.create_connection(listener.sockets[0].getsockname()).close()


def test_a_taken_port_and_an_unknown_host_are_os_errors() -> None:
    with closing(listening()) as listener, pytest.raises(OSError, match="in use"):
        Listener.bind("127.0.0.1", listener.sockets[0].getsockname()[1])
    with pytest.raises(OSError, match=r"[Nn]ame|[Aa]ddress|known"):
        Listener.bind("no such host", 0)


def test_every_address_of_the_host_is_bound_to_the_same_port() -> None:
    with closing(Listener.bind("localhost", 0)) as listener:
        assert len({bound.getsockname()[1] for bound in listener.sockets}) == 1


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_an_ipv6_address_is_written_as_in_a_url() -> None:
    try:
        listener = Listener.bind("::1", 0)
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with closing(listener):
        assert listener.address == f"[::1]:{listener.sockets[0].getsockname()[1]}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can be told to complete no further connection")
def test_refusing_new_connections_spares_those_that_are_established() -> None:
    with closing(listening()) as listener:
        address = listener.sockets[0].getsockname()
        with socket.create_connection(address) as waiting:
            listener.refuse_new()
            assert listener.crowded()
            with pytest.raises(TimeoutError):
                socket.create_connection(address, timeout=0.3).close()
            accepted, _ = listener.sockets[0].accept()
            assert not listener.crowded()
            with accepted:
                listener.close()
                waiting.sendall(b"late")
                assert accepted.recv(4) == b"late"
                accepted.sendall(b"answer")
                assert waiting.recv(6) == b"answer"
