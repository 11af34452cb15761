"""A folder with the log-in of each role, as `DATABASE_URL` wants it: what `bootstrap --logins` keeps, and nothing else knows.

One file a role, of the role's name and for its owner alone. A service manager hands each process the file of its own
role; a copy goes to each machine. A password is random and belongs to one role: nothing leads from one to another.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

import psycopg
from psycopg.conninfo import conninfo_to_dict

from accounts.audit.anchors import sync
from raxx import roles

if TYPE_CHECKING:
    from pathlib import Path

    from raxx.roles import Server

PASSWORD_BYTES = 32


class LoginUnusable(Exception):
    """A file is there and is not the log-in of its role, or cannot be read or written; the text names it."""


def new_password() -> str:
    """Return a password that nobody has ever seen, in ASCII."""
    return secrets.token_urlsafe(PASSWORD_BYTES)


@dataclass(frozen=True, slots=True)
class Logins:
    """The folder; it need not be there."""

    folder: Path

    def passwords(self) -> dict[str, str]:
        """Return the password of each role that has a file. Raises LoginUnusable."""
        found = {role: self._password_in(role) for role in roles.ROLES}
        return {role: password for role, password in found.items() if password is not None}

    def keep(self, server: Server, role: str, password: str) -> bool:
        """Have the role's file say this password at this server; tell whether it had to be written. Raises LoginUnusable."""
        file, url = self.folder / role, _url(server, role, password)
        try:
            if file.exists() and file.read_text(encoding="utf-8") == url:
                return False
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.folder / f".{role}.{os.getpid()}.{secrets.token_hex(4)}"
            with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as stream:
                stream.write(url)
            sync(draft)
            draft.replace(file)
            sync(self.folder)
        except OSError as error:
            raise LoginUnusable(f"{self.folder} cannot be written: {error.strerror}") from None
        return True

    def _password_in(self, role: str) -> str | None:
        file = self.folder / role
        try:
            login = conninfo_to_dict(file.read_text(encoding="utf-8").strip())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise LoginUnusable(f"{file} cannot be read: {error.strerror}") from None
        except (psycopg.ProgrammingError, ValueError):  # whose text may repeat a part of it
            raise LoginUnusable(f"{file} is no DATABASE_URL: remove it, or restore it") from None
        if login.get("user") != role or not login.get("password"):
            raise LoginUnusable(f"{file} is not the log-in of {role}: remove it, or restore it")
        return str(login["password"])


def _url(server: Server, role: str, password: str) -> str:
    place = {name: value for name, value in server.place.items() if name != "dbname"}
    query = f"?{urlencode(sorted(place.items()))}" if place else ""
    return f"postgresql://{role}:{quote(password, safe='')}@/{server.database}{query}"
