"""Who this process is to PostgreSQL, and the roles that make row-level security worth having.

One login role per kind of work; none is a superuser, bypasses row security or is a member of
another. In production a process is given the log-in of its own role and knows no other (raxx.logins); on a
developer's machine the passwords follow from the secret key, so that another server needs `DATABASE_URL` alone.
"""

from __future__ import annotations

import hashlib
import hmac
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psycopg.conninfo import conninfo_to_dict

from raxx.env import SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from raxx.folder import DataFolder

OWNER = "raxx_owner"  # owns the schema: migrations and management commands
APP = "raxx_app"  # acts for one person at a time: web and stream
WORKER = "raxx_worker"  # crosses owners: matcher, hub, Celery
SUPPORT = "raxx_support"  # the admin: reads what it was granted
ROLES = (OWNER, APP, WORKER, SUPPORT)

ROLE_OF_PROCESS = {
    "web": APP,
    "stream": APP,
    "matcher": WORKER,
    "hub": WORKER,
    "worker": WORKER,
    "live_updates": WORKER,
    "beat": WORKER,
    "metrics": WORKER,
}

# The one command that makes roles, and so may have the administrative log-in in production.
MAKES_ROLES = "bootstrap"

SUPERUSER = "postgres"  # of the embedded cluster
DATABASE = "raxx"
SOCKET_PORT = "5432"

_process: str | None = None


def become(process: str) -> None:
    """Say what this process is, before settings are read: wsgi.py and asgi.py have no command line."""
    global _process  # noqa: PLW0603 - a process has one identity, fixed where it starts
    _process = process


def current_process() -> str:
    """Return the name of this kind of process: web, stream, worker, or a management command's."""
    if _process is not None:
        return _process
    program = Path(sys.argv[0]).name
    arguments = sys.argv[1:]
    if program == "celery" or (program == "__main__.py" and Path(sys.argv[0]).parent.name == "celery"):
        return "beat" if "beat" in arguments else "worker"
    if program == "manage.py" and arguments:
        return arguments[0]
    return program


def current_role() -> str:
    """Return the database role of this process; every command not in the table is the owner's."""
    return ROLE_OF_PROCESS.get(current_process(), OWNER)


def password_of(role: str, secret_key: str) -> str:
    """Return the role's derived password: anybody who holds the secret key can compute it."""
    return hmac.new(secret_key.encode(), f"raxx-db-role:{role}".encode(), hashlib.sha256).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where PostgreSQL is. `place` holds libpq keywords without user and password.

    Passwords of roles are those of `passwords`; any other follows from `secret_key`, or is unknown without one.
    """

    place: dict[str, str]
    secret_key: str | None = field(repr=False)
    administrator: dict[str, str] = field(repr=False)
    is_embedded: bool
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def database(self) -> str:
        return self.place["dbname"]

    @property
    def is_single_role(self) -> bool:
        """Whether DATABASE_URL names one of our roles: then it is used as given, and never bootstrapped."""
        return self.administrator["user"] in ROLES

    def login(self, role: str) -> dict[str, Any]:
        """Return libpq keywords (all of them text) to connect as `role`; without a password where none is known."""
        if self.is_single_role:
            return {**self.place, **self.administrator}
        password = self.passwords.get(role)
        if password is None and self.secret_key is not None:
            password = password_of(role, self.secret_key)
        return {**self.place, "user": role, **({} if password is None else {"password": password})}

    def knowing(self, passwords: Mapping[str, str]) -> Server:
        """Return the same server with these passwords of roles."""
        return replace(self, passwords=passwords)

    def administrative_login(self) -> dict[str, Any]:
        """Return libpq keywords of the role that may create roles and the database."""
        return {**self.place, **self.administrator}

    def django_settings(self, role: str) -> dict[str, Any]:
        """Return an entry for Django's DATABASES."""
        login = self.login(role)
        names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
        options = {key: value for key, value in login.items() if key not in names}
        return {
            "ENGINE": "django.db.backends.postgresql",
            **{setting: login[key] for key, setting in names.items() if key in login},
            "CONN_MAX_AGE": None,
            "OPTIONS": {"application_name": f"raxx-{current_process()}", **options},
        }


def refuse_another_login(server: Server, *, is_production: bool) -> None:
    """Refuse to serve people with the login of another of our roles: those see past people's walls.

    In production also refuse a process of an installation another's than its own, and all a login that could become any
    of them; `bootstrap` alone needs that. Raises SettingError.
    """
    login, process = server.administrator["user"], current_process()
    if server.is_single_role and current_role() == APP and login != APP:
        message = (
            f"DATABASE_URL: the {process} process must log in as {APP}, and {login} sees everybody's rows"
        )
        raise SettingError(message)
    is_another_s = login != current_role() and process in ROLE_OF_PROCESS
    could_be_any = not server.is_single_role and process != MAKES_ROLES
    if is_production and (is_another_s or could_be_any):
        message = (
            f"DATABASE_URL names {login}, and in production each process logs in as its own role:"
            f" give {process} the log-in of {current_role()} that `bootstrap --logins FOLDER` has written"
        )
        raise SettingError(message)


def refuse_another_support(server: Server, *, is_production: bool) -> None:
    """Refuse to serve the admin in production without the login that it reads with. Raises SettingError."""
    if is_production and current_process() == "web" and server.administrator["user"] != SUPPORT:
        raise SettingError(
            f"RAXX_SUPPORT_DATABASE_URL must be the log-in of {SUPPORT}: the admin reads with it"
        )


def embedded_server(folder: DataFolder, secret_key: str) -> Server:
    """Return the cluster of the data folder, whether it runs or not."""
    return Server(
        place={"host": str(folder.postgres_socket_folder), "port": SOCKET_PORT, "dbname": DATABASE},
        secret_key=secret_key,
        administrator={"user": SUPERUSER, "password": folder.secret("postgres_password")},
        is_embedded=True,
    )


def real_server(url: str, secret_key: str | None) -> Server:
    """Return the server that DATABASE_URL names; without a key no role's password is known but the one in the URL.

    Raises psycopg.ProgrammingError for a bad URL.
    """
    place = {name: str(value) for name, value in conninfo_to_dict(url).items()}
    administrator = {"user": place.pop("user", SUPERUSER)}
    if "password" in place:
        administrator["password"] = place.pop("password")
    place.setdefault("dbname", DATABASE)
    return Server(place=place, secret_key=secret_key, administrator=administrator, is_embedded=False)
