"""Where mail is handed over: `RAXX_SMTP_URL`."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from raxx.env import SettingError

PORTS = {"smtp": 587, "smtps": 465}


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """A mail server, as Django's settings name its parts. One without a host is none."""

    host: str = ""
    port: int = 0
    user: str = ""
    secret: str = field(default="", repr=False)
    starts_tls: bool = False
    is_tls: bool = False

    def __bool__(self) -> bool:
        return bool(self.host)


def read(url: str) -> MailServer:
    """Return the server of `smtp://[user:word@]host[:587]`, which begins TLS, or of `smtps://`, which has it.

    `?tls=off` is for a server on this machine. Raises SettingError.
    """
    if not url:
        return MailServer()
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname or parts.query not in {"", "tls=off"}:
        # The value is not repeated: it may carry a secret.
        raise SettingError("RAXX_SMTP_URL is not smtp://[user:word@]host[:port] or smtps://…")
    return MailServer(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        secret=unquote(parts.password or ""),
        starts_tls=parts.scheme == "smtp" and not parts.query,
        is_tls=parts.scheme == "smtps",
    )
