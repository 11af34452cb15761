"""The data folder: where one installation keeps its databases, sockets, logs and secrets."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

# A socket's path must fit into sockaddr_un: 108 bytes on Linux, 104 on macOS, with the longest
# name that we append.
SOCKET_PATH_MAX = 100
LONGEST_SOCKET_NAME = "postgres/.s.PGSQL.5432"


class FolderInUse(Exception):
    """Another process holds the data folder; the text says which and where."""


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The layout of the data folder. Nothing is created until a method that says so is called."""

    root: Path

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        return self.root / "valkey"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def demo_file(self) -> Path:
        return self.root / "demo.json"

    @property
    def origins_file(self) -> Path:
        """Where `up` was reached last: for the links that commands print, which run beside it."""
        return self.root / "origins"

    @property
    def run(self) -> Path:
        """The folder of sockets: inside the data folder, or a private one under the system's.

        The second when the path would be too long for a socket.
        """
        inside = self.root / "run"
        if len(os.fsencode(inside / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_MAX:
            return inside
        name = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"raxx-{os.getuid()}-{name}"

    @property
    def postgres_socket_folder(self) -> Path:
        return self.run / "postgres"

    @property
    def valkey_socket(self) -> Path:
        return self.run / "valkey.sock"

    @property
    def web_socket(self) -> Path:
        return self.run / "web.sock"

    @property
    def stream_socket(self) -> Path:
        return self.run / "stream.sock"

    def create(self) -> None:
        """Make the folder and its fixed parts, readable by nobody else.

        For root, others may pass through (not list): the database runs as an unprivileged user.
        """
        mode = 0o701 if os.getuid() == 0 else 0o700
        for path in (self.root, self.run):
            path.mkdir(mode=mode, parents=True, exist_ok=True)
            # A folder under a shared /tmp may have been planted by somebody else.
            if path.lstat().st_uid != os.getuid() or path.is_symlink():
                message = f"{path} belongs to another user; remove it or choose another RAXX_DATA_DIR"
                raise FolderInUse(message)
            if stat.S_IMODE(path.stat().st_mode) & ~mode:
                path.chmod(mode)
        for path in (self.logs, self.valkey):
            path.mkdir(mode=0o700, exist_ok=True)

    def secret(self, name: str) -> str:
        """Return a kept secret of 256 random bits, made on first use in a file of mode 0600."""
        path = self.root / "secrets" / name
        try:
            return path.read_text(encoding="ascii")
        except FileNotFoundError:
            pass
        self.create()
        path.parent.mkdir(mode=0o700, exist_ok=True)
        fresh = path.with_name(f".{name}.{os.getpid()}.{secrets.token_hex(4)}")
        descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        try:
            # A link fails if another process was first, so that all of them agree on one value.
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return path.read_text(encoding="ascii")

    def origins(self) -> str:
        """Return what `keep_origins` was told last, "" where `up` has never run."""
        try:
            return self.origins_file.read_text(encoding="utf-8").strip()
        except OSError:
            return ""

    def keep_origins(self, origins: str) -> None:
        """Write down at which addresses, comma-separated, `up` is reached."""
        fresh = self.origins_file.with_name(".origins.new")
        fresh.write_text(f"{origins}\n", encoding="utf-8")
        fresh.replace(self.origins_file)

    def lock(self) -> IO[str]:
        """Take the folder for this process until the returned file is closed. Raises FolderInUse."""
        self.create()
        file = (self.root / "up.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            message = (
                f"{self.root} is already in use by process {holder}: stop that one, or set RAXX_DATA_DIR"
            )
            raise FolderInUse(message) from None
        file.seek(0)
        file.truncate()
        file.write(f"{os.getpid()}\n")
        file.flush()
        return file
