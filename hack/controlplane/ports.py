"""Free ports that stay free."""

import socket
import sys
from typing import Final

HOST: Final = "127.0.0.1"


class ReservedPort:
    """A free TCP port of the loopback interface, kept from others until `close`.

    On Linux a socket stays bound to it without listening, with SO_REUSEPORT, so that a server that sets the same option
    can listen there while nobody else takes the port, not even while that server is restarted. The option is set after
    binding: the kernel then chooses a port that nobody else shares. Elsewhere such a socket may swallow
    connections, so the port is let go at once.
    """

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.bind((HOST, 0))
        self.number: Final[int] = self._socket.getsockname()[1]
        if sys.platform == "linux":
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        else:
            self._socket.close()

    def close(self) -> None:
        """Lets others have the port."""
        self._socket.close()
