"""Where mail is handed over, as one URL says it."""

from __future__ import annotations

import pytest

from raxx.env import SettingError
from raxx.mail_server import MailServer, read


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("", MailServer()),
        ("smtp://mail.example", MailServer(host="mail.example", port=587, starts_tls=True)),
        ("smtp://localhost:25?tls=off", MailServer(host="localhost", port=25)),
        (
            "smtps://raxx%40example.com:a%2Fb@mail.example",
            MailServer(host="mail.example", port=465, user="raxx@example.com", secret="a/b", is_tls=True),
        ),
    ],
    ids=["none", "begins-tls", "plain", "tls"],
)
def test_a_url_names_the_server_its_port_and_how_it_is_spoken_to(url: str, server: MailServer) -> None:
    assert read(url) == server
    assert bool(read(url)) == bool(url)


@pytest.mark.parametrize("url", ["http://mail.example", "smtp://", "smtp://mail.example?tls=maybe"])
def test_what_is_none_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(SettingError, match="RAXX_SMTP_URL") as refused:
        read(url.replace("://", "://user:hidden@"))
    assert "hidden" not in str(refused.value)


def test_a_server_shown_in_a_traceback_keeps_its_secret() -> None:
    assert "hidden" not in repr(read("smtps://user:hidden@mail.example"))
