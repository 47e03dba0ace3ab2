"""What the kernel holds for this process."""

import select


def readable(descriptors: list[int]) -> bool:
    """Return whether one of these sockets has something that nobody has taken yet: bytes, an end, a connection.

    Where the system cannot say (Windows), the answer is no.
    """
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))
