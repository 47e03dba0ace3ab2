"""The address that is listened on."""

import ctypes
import socket
import struct
from contextlib import suppress
from typing import Self

from service.descriptors import readable

_SO_ATTACH_FILTER = 26
# Classic BPF over the TCP header: of its flags (byte 13) keep SYN and ACK; drop the packet where only SYN is set.
_DROP_NEW = ((0x30, 0, 0, 13), (0x54, 0, 0, 0x12), (0x15, 0, 1, 0x02), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFFFFFF))


class Listener:
    """Sockets bound but not yet listening, so that nobody can connect before there is somebody to answer.

    Args:
        sockets: one for each address of the host, all on one port.
    """

    def __init__(self, sockets: list[socket.socket]) -> None:
        self.sockets = sockets

    @classmethod
    def bind(cls, host: str, port: int) -> Self:
        """Take the address; port 0 takes a free one.

        Raises:
            OSError: if the host is unknown or the port taken.
        """
        sockets: list[socket.socket] = []
        try:
            for family, kind, protocol, _, address in _resolve(host, port):
                bound = socket.socket(family, kind, protocol)
                sockets.append(bound)
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                if family == socket.AF_INET6:
                    bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                # The second address takes the port that the first was given.
                bound.bind((address[0], port or sockets[0].getsockname()[1], *address[2:]))
        except OSError:
            for bound in sockets:
                bound.close()
            raise
        return cls(sockets)

    @property
    def address(self) -> str:
        """Host and port as a URL has them."""
        host, port = self.sockets[0].getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def refuse_new(self) -> None:
        """Let nobody connect any more, without hurting those who just did, in whichever process.

        Closing a listening socket resets the connections that the kernel has completed and no process has accepted.
        On Linux further SYNs are therefore dropped first; what is complete by then can be accepted in peace, and who
        tries again after the closing is refused and has sent nothing. Elsewhere that gap, of microseconds, stays.
        """
        code = b"".join(struct.pack("HBBI", *instruction) for instruction in _DROP_NEW)
        memory = ctypes.create_string_buffer(code)
        program = struct.pack("HP", len(_DROP_NEW), ctypes.addressof(memory))
        for bound in self.sockets:
            with suppress(OSError):
                bound.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)

    def crowded(self) -> bool:
        """Return whether connections are established that no process has accepted yet."""
        return readable([bound.fileno() for bound in self.sockets])

    def close(self) -> None:
        """Give up this process's hold on the address."""
        for bound in self.sockets:
            bound.close()


def _resolve(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]]:
    found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(found))  # type: ignore[arg-type]  # typeshed has a third shape of address, without IPv6
