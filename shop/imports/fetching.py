"""Fetching a picture whose address a stranger wrote: never from inside our own networks.

The name is resolved once, every address it has must be public, and the connection goes to that very
address, so that a second answer of the name server changes nothing. No redirect is followed, no
proxy is asked, nothing but a picture is taken, and no more than 10 MB or 20 seconds of it.
"""

import http.client
import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from django.utils.translation import gettext as _

from shop.base.errors import DomainError

BYTES_MAX = 10 * 1024 * 1024
CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 20.0
_CHUNK = 64 * 1024
PORTS: Mapping[str, int] = {"http": 80, "https": 443}
_NAT64 = (ipaddress.ip_network("64:ff9b::/96"), ipaddress.ip_network("64:ff9b:1::/48"))

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolver = Callable[[str, int], Sequence[str]]


class NotFetched(DomainError):
    """The picture could not, or may not, be fetched; the text says why."""

    code = "not_fetched"


class Unreachable(NotFetched):
    """Nothing answered: no network, an unknown name, a silent server."""

    code = "unreachable"


def resolve(host: str, port: int) -> list[str]:
    """Return every address of a name. Raises :class:`Unreachable`."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable(_("“%(host)s” cannot be found.") % {"host": host[:80]}) from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def is_public(address: Address) -> bool:
    """Whether an address lies in the open internet, also when it hides an inner one in its bits."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None or any(address in network for network in _NAT64):
            return False
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner:
            return False
        if int(address) >> 32 == 0:  # ::a.b.c.d, the old way of writing an IPv4 address
            return False
    return address.is_global and not (
        address.is_multicast or address.is_reserved or address.is_unspecified or address.is_loopback
    )


def fetch_picture(
    url: str,
    *,
    resolver: Resolver = resolve,
    allows: Callable[[Address], bool] = is_public,
    ports: Mapping[str, int] = PORTS,
) -> bytes:
    """Return the bytes of a picture. The arguments after the address are there for tests.

    Raises :class:`NotFetched`: other schemes and ports, names inside our networks, redirects, other
    content, more than 10 MB. Raises :class:`Unreachable` when nothing answers within 20 seconds.
    """
    parts = _parts(url, ports)
    port = parts.port or ports[parts.scheme]
    host = parts.hostname or ""
    address = _pick(host, resolver(host, port), allows)
    deadline = time.monotonic() + TOTAL_SECONDS
    connection = _Pinned(host, port, address, is_secure=parts.scheme == "https")
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        headers = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "Linjia"}
        connection.request("GET", target, headers=headers)
        return _read(connection.getresponse(), deadline)
    except (OSError, http.client.HTTPException) as error:
        raise Unreachable(_("“%(host)s” did not answer properly.") % {"host": host[:80]}) from error
    finally:
        connection.close()


def _parts(url: str, ports: Mapping[str, int]) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise NotFetched(_("This is no address of a picture.")) from error
    if parts.scheme not in ports:
        raise NotFetched(_("Only addresses beginning with http:// or https:// are fetched."))
    if not parts.hostname or parts.username is not None or parts.password is not None:
        raise NotFetched(_("This is no address of a picture."))
    if port not in (None, *ports.values()):
        raise NotFetched(_("Only the usual ports 80 and 443 are asked."))
    if not url.isascii() or any(character <= " " for character in url):
        raise NotFetched(_("This is no address of a picture."))
    return parts


def _pick(host: str, addresses: Sequence[str], allows: Callable[[Address], bool]) -> str:
    """One inner address among several is enough to refuse the name."""
    if not addresses:
        raise Unreachable(_("“%(host)s” cannot be found.") % {"host": host[:80]})
    for text in addresses:
        if not allows(ipaddress.ip_address(text)):
            raise NotFetched(_("“%(host)s” is not in the open internet.") % {"host": host[:80]})
    return addresses[0]


class _Pinned(http.client.HTTPConnection):
    """A connection to one address, under the name the picture was asked for."""

    def __init__(self, host: str, port: int, address: str, *, is_secure: bool) -> None:
        super().__init__(host, port, timeout=CONNECT_SECONDS)
        self._address, self._is_secure = address, is_secure
        if is_secure:
            self.default_port = PORTS["https"]

    def connect(self) -> None:
        plain = socket.create_connection((self._address, self.port), timeout=CONNECT_SECONDS)
        if not self._is_secure:
            self.sock = plain
            return
        try:
            self.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)
        except BaseException:
            plain.close()
            raise


def _read(response: http.client.HTTPResponse, deadline: float) -> bytes:
    if 300 <= response.status < 400:
        raise NotFetched(_("The address leads elsewhere. Give the picture's own address."))
    if response.status != 200:
        raise NotFetched(_("The server answered %(status)d.") % {"status": response.status})
    kind = response.headers.get_content_type()
    if not kind.startswith("image/") or kind == "image/svg+xml":
        raise NotFetched(_("The address does not hold a picture."))
    if response.headers.get("Content-Encoding", "identity") != "identity":
        raise NotFetched(_("The server packs the picture in a way we did not ask for."))
    data = bytearray()
    while chunk := response.read1(_CHUNK):
        data += chunk
        if len(data) > BYTES_MAX:
            raise NotFetched(_("The picture is larger than 10 MB."))
        if time.monotonic() > deadline:
            raise Unreachable(_("The server is too slow."))
    return bytes(data)
