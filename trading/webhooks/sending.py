"""One POST to one judged address: no redirect, no retry, a bounded time, and the answer's body unread."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Any

import certifi
import urllib3

from trading.webhooks.addresses import Unreachable, public_address

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trading.webhooks.addresses import Target

CONNECT_S, READ_S = 3.0, 7.0  # of one step
TOTAL_S = 12.0  # of all of them: a receiver that answers one byte at a time holds nobody up


class NotDelivered(Exception):
    """Nobody answered; the text may be told to the endpoint's owner."""


def post(target: Target, body: bytes, headers: Mapping[str, str]) -> int:
    """Send `body` and return the status code. Raises NotDelivered."""
    try:
        address = public_address(target)
    except Unreachable as error:
        raise NotDelivered(str(error)) from None
    deadline = _Deadline()
    pool = _pool(target, address, deadline)
    watch = threading.Timer(TOTAL_S, deadline.strike)
    watch.daemon = True
    watch.start()
    try:
        response = pool.urlopen(
            "POST",
            target.path,
            body=body,
            headers={**headers, "Host": _host_header(target)},
            redirect=False,
            retries=False,
            preload_content=False,
        )
        status = response.status
        response.close()  # what else it says is nothing to us
    except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise NotDelivered("no answer in time" if deadline.is_over else _words(error)) from None
    finally:
        watch.cancel()
        pool.close()
        deadline.forget()
    return status


class _Deadline:
    """Ends the connections that were made under it, from another thread."""

    def __init__(self) -> None:
        self.is_over = False
        self._sockets: list[socket.socket] = []

    def watch(self, connected: socket.socket) -> None:
        """Keep a second handle of a connection: TLS takes the first one for itself."""
        self._sockets.append(connected.dup())
        if self.is_over:
            self.strike()

    def strike(self) -> None:
        self.is_over = True
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # ended already

    def forget(self) -> None:
        for one in self._sockets:
            one.close()


def _pool(target: Target, address: str, deadline: _Deadline) -> urllib3.HTTPConnectionPool:
    """Return a pool of one connection, to `address` and in the name of the target's host."""
    timeout = urllib3.Timeout(connect=CONNECT_S, read=READ_S)
    pool: urllib3.HTTPConnectionPool
    if target.is_encrypted:
        pool = urllib3.HTTPSConnectionPool(
            address,
            target.port,
            timeout=timeout,
            cert_reqs="CERT_REQUIRED",
            ca_certs=certifi.where(),
            assert_hostname=target.host,
            server_hostname=target.host,
        )
    else:
        pool = urllib3.HTTPConnectionPool(address, target.port, timeout=timeout)
    pool.ConnectionCls = _watched(pool.ConnectionCls, deadline)
    return pool


def _watched(base: Any, deadline: _Deadline) -> Any:
    class Watched(base):  # type: ignore[misc] # a class made for one message
        def _new_conn(self) -> socket.socket:
            connected: socket.socket = super()._new_conn()
            deadline.watch(connected)
            return connected

    return Watched


def _host_header(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    is_usual = target.port == (443 if target.is_encrypted else 80)
    return host if is_usual else f"{host}:{target.port}"


def _words(error: Exception) -> str:
    """Return what went wrong in the owner's words: nothing of our network stands in it."""
    table: dict[type[Exception], str] = {
        urllib3.exceptions.ReadTimeoutError: "no answer in time",
        urllib3.exceptions.SSLError: "the certificate cannot be trusted",
        urllib3.exceptions.NewConnectionError: "the connection was refused",  # a time-out too, so it comes first
        urllib3.exceptions.ConnectTimeoutError: "no connection in time",
    }
    return next((words for kind, words in table.items() if isinstance(error, kind)), "the connection broke")
