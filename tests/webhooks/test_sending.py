"""One message, one connection, no trust in whoever answers."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import pytest

from trading.webhooks import sending
from trading.webhooks.addresses import Target, target_of
from trading.webhooks.sending import NotDelivered, post

if TYPE_CHECKING:
    from tests.webhooks.receiver import Receiver


def at(receiver: Receiver, path: str = "/hook") -> Target:
    return target_of(f"http://receiver.example:{receiver.port}{path}", allows_plain=True)


def test_the_message_arrives_whole_under_the_name_of_its_host(receiver: Receiver) -> None:
    status = post(at(receiver, "/hook?to=me"), b'{"a":1}', {"Raxx-Event-Id": "one"})

    [got] = receiver.received
    assert (status, got.path, got.body) == (200, "/hook?to=me", b'{"a":1}')
    assert got.headers["Host"] == f"receiver.example:{receiver.port}"
    assert got.headers["Raxx-Event-Id"] == "one"


@pytest.mark.parametrize("status", [204, 301, 307, 400, 410, 500, 503])
def test_whatever_is_answered_is_returned_and_nothing_is_sent_twice(receiver: Receiver, status: int) -> None:
    receiver.statuses, receiver.location = [status], "http://169.254.169.254/latest/meta-data"

    assert post(at(receiver), b"{}", {}) == status
    assert len(receiver.received) == 1


def test_a_private_address_is_never_connected_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        target = target_of(f"http://127.0.0.1:{server.getsockname()[1]}/", allows_plain=True)

        with pytest.raises(NotDelivered, match=r"127.0.0.1 is not a public address"):
            post(target, b"{}", {})
        with pytest.raises(BlockingIOError):
            server.accept()


def test_nobody_there_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "public_address", lambda _: "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(NotDelivered, match="the connection was refused"):
        post(target_of(f"http://a.example:{port}", allows_plain=True), b"{}", {})


def test_a_certificate_that_is_not_the_hosts_is_not_trusted(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    target = target_of(
        f"https://receiver.example:{receiver.port}/", allows_plain=False
    )  # it speaks no TLS at all

    with pytest.raises(NotDelivered, match=r"certificate|broke"):
        post(target, b"{}", {})
    assert receiver.received == []


def test_an_answer_that_comes_a_letter_at_a_time_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sending, "public_address", lambda _: "127.0.0.1")
    monkeypatch.setattr(sending, "TOTAL_S", 0.3)
    is_cut = threading.Event()

    def drip(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.settimeout(5)
            try:
                while not is_cut.wait(0.01):
                    connection.sendall(b"H")
            except OSError:
                is_cut.set()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        with pytest.raises(NotDelivered, match="no answer in time"):
            post(target_of(f"http://a.example:{server.getsockname()[1]}", allows_plain=True), b"{}", {})
        thread.join(10)
    assert is_cut.is_set()
