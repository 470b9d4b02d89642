"""The port that the server listens on, at each of its addresses."""

import errno
import socket
from contextlib import ExitStack
from ipaddress import ip_address

from sluice.settings import Http, Settings

UNSENT_BYTES = 16 * 1024
"""What the kernel holds of a connection beyond what the client has room for; by default it is megabytes."""
TCP_NOTSENT_LOWAT = 25  # Linux; Python has no name for it
NO_SUCH_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}
"""What binding says where the machine has no IPv6, although a name stands for an address of it."""


def listen(settings: Settings) -> list[socket.socket]:
    """The open port, at all addresses that the host stands for. Its connections inherit what makes a client that does
    not read noticed.

    `::` is IPv4, too, and where there is no IPv6 only that. Raises OSError.
    """
    port, opened, missing = settings.http.port, list[socket.socket](), list[OSError]()
    with ExitStack() as opening:
        for address in addresses(settings.http):
            try:
                listener = opening.enter_context(bind(address, port))
            except OSError as error:
                if error.errno not in NO_SUCH_ADDRESS:
                    raise
                missing.append(error)
                continue
            listener.setsockopt(socket.IPPROTO_TCP, TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            port = listener.getsockname()[1]
            opened.append(listener)
        if not opened:
            raise missing[0]
        opening.pop_all()
    return opened


def addresses(http: Http) -> list[str]:
    host = "0.0.0.0" if http.host == "::" and not socket.has_dualstack_ipv6() else http.host
    found = socket.getaddrinfo(host, http.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return socket.create_server((address, port), family=family, backlog=2048, dualstack_ipv6=address == "::")


def url(listener: socket.socket) -> str:
    """One that can be asked on this machine."""
    host, port = listener.getsockname()[:2]
    if ip_address(host).is_unspecified:
        return f"http://127.0.0.1:{port}"
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def where(listener: socket.socket) -> str:
    """That the port is open, with a URL that can be asked on this machine."""
    if not ip_address(listener.getsockname()[0]).is_unspecified:
        return f"{url(listener)} is open"
    families = "IPv4 and IPv6" if listener.family == socket.AF_INET6 else "IPv4"
    return f"{url(listener)} is open, and at every other address of this machine ({families})"


def free_port() -> int:
    """One of the loopback's that nobody has at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
