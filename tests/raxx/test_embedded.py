"""The embedded servers: made once, started again after any end, reached by nobody from outside."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import psycopg
import pytest
import redis

from raxx import bootstrap, embedded, process, roles, valkey
from raxx.folder import DataFolder, FolderInUse

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from raxx.roles import Server

SECRET_KEY = "a key of this test's own"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DataFolder]:
    # Outside pytest's folder, whose long path would put the sockets elsewhere.
    yield (made := DataFolder(tmp_path_factory.mktemp("e")))
    shutil.rmtree(made.run, ignore_errors=True)


@pytest.fixture(scope="module")
def server(folder: DataFolder) -> Server:
    return roles.embedded_server(folder, SECRET_KEY)


def kill(child: subprocess.Popen[bytes]) -> None:
    """End a server as a power cut would, with its own children."""
    process.kill_group(child.pid)
    child.wait()


def test_what_was_committed_survives_a_kill_of_the_server_and_a_stale_process_id(
    folder: DataFolder, server: Server
) -> None:
    with embedded.running_postgres(folder, server) as child:
        bootstrap.bootstrap(server)
        with psycopg.connect(**server.login(roles.OWNER)) as session:
            session.execute("create table kept as select generate_series(1, 1000) as number")
        kill(child)
    # As after a reboot: the number in the file is now somebody else's.
    lines = (folder.postgres / "postmaster.pid").read_text().splitlines()
    (folder.postgres / "postmaster.pid").write_text("\n".join([str(os.getppid()), *lines[1:]]) + "\n")

    with (
        embedded.running_postgres(folder, server),
        psycopg.connect(**server.login(roles.OWNER)) as session,
    ):
        assert session.execute("select count(*) from kept").fetchone() == (1000,)
    assert "automatic recovery in progress" in (folder.logs / "postgres.log").read_text()


def test_a_server_that_an_earlier_run_left_behind_makes_room(folder: DataFolder, server: Server) -> None:
    with (
        contextlib.ExitStack() as left,
        embedded.running_postgres(folder, server) as first,
    ):
        second = left.enter_context(embedded.running_postgres(folder, server))
        assert first.poll() is not None
        assert second.poll() is None
        with psycopg.connect(**server.administrative_login() | {"dbname": "postgres"}) as session:
            assert session.execute("select 1").fetchone() == (1,)
    assert process.leftovers(folder.root) == []


def test_postgres_keeps_its_promise_of_durability_and_listens_on_no_network(
    folder: DataFolder, server: Server
) -> None:
    with (
        embedded.running_postgres(folder, server),
        psycopg.connect(**server.administrative_login() | {"dbname": "postgres"}) as session,
    ):
        names = ["fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "password_encryption"]
        found = session.execute(
            "select name, setting from pg_settings where name = any(%s)", [names]
        ).fetchall()
        rules = session.execute("select distinct auth_method from pg_hba_file_rules").fetchall()

    assert dict(found) == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "password_encryption": "scram-sha-256",
    }
    assert rules == [("scram-sha-256",)]


def test_the_superuser_needs_its_password_even_on_the_socket(folder: DataFolder, server: Server) -> None:
    login = {**server.administrative_login(), "dbname": "postgres", "password": "wrong"}
    with (
        embedded.running_postgres(folder, server),
        pytest.raises(psycopg.OperationalError, match="password authentication failed"),
    ):
        psycopg.connect(**login)


def test_an_interrupted_first_start_is_begun_again(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path)
    folder.create()
    half = tmp_path / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18\n")
    server = roles.embedded_server(folder, SECRET_KEY)

    with embedded.running_postgres(folder, server, fsync="off"):
        assert embedded.postgres_is_ready(server)
    assert not half.exists()
    shutil.rmtree(folder.run, ignore_errors=True)


def test_a_server_that_cannot_start_is_said_with_its_log(folder: DataFolder, server: Server) -> None:
    with (
        pytest.raises(embedded.ServiceFailed, match=r"postgres ended with status 1; see .*postgres\.log"),
        embedded.running_postgres(folder, server, shared_buffers="nonsense"),
    ):
        pass


def test_valkey_starts_again_after_a_kill_and_would_rather_refuse_than_forget(folder: DataFolder) -> None:
    url = valkey.client_url("", folder)
    with embedded.running_valkey(folder, url) as child:
        kill(child)
    with embedded.running_valkey(folder, url), redis.Redis.from_url(url) as client:
        client.set("key", "value")
        assert client.get("key") == b"value"
        assert client.config_get("maxmemory-policy", "port", "save") == {
            "maxmemory-policy": "noeviction",
            "port": "0",
            "save": "",
        }
    assert process.leftovers(folder.root) == []


def test_a_start_does_not_stumble_over_a_process_that_ends_while_it_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = DataFolder(tmp_path / "data")
    with subprocess.Popen(
        [sys.executable, "-c", "import signal; signal.pause()"], env={process.MARK: str(folder.root)}
    ) as dying:
        seen = psutil.Process(dying.pid)

        def name() -> str:
            dying.kill()
            dying.wait()
            raise psutil.NoSuchProcess(dying.pid)

        monkeypatch.setattr(seen, "name", name)
        monkeypatch.setattr(psutil, "process_iter", lambda: [seen])
        embedded.prepare_valkey(folder)
        assert dying.poll() is not None


def test_a_second_holder_of_the_data_folder_is_told_who_has_it(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    with (
        folder.lock(),
        pytest.raises(FolderInUse, match=rf"{tmp_path}/data is already in use by process {os.getpid()}"),
    ):
        folder.lock()
    folder.lock().close()


def test_sockets_of_a_folder_with_a_long_name_live_in_a_private_folder_with_a_short_one(
    tmp_path: Path,
) -> None:
    folder = DataFolder(tmp_path / ("long" * 30))
    folder.create()

    assert len(os.fsencode(folder.postgres_socket_folder / ".s.PGSQL.5432")) <= 100
    assert folder.run.stat().st_uid == os.getuid()
    assert not stat.S_IMODE(folder.run.stat().st_mode) & 0o066
    folder.run.rmdir()


@pytest.mark.skipif(os.getuid() != 0, reason="only root runs PostgreSQL as another user")
def test_root_is_told_once_which_folders_others_may_pass_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    closed = tmp_path / "closed"
    inside = closed / "inside"
    inside.mkdir(parents=True)
    for path in (inside, closed):
        path.chmod(0o700)
    monkeypatch.setattr(embedded, "postgres_binaries", lambda: closed)
    folder = DataFolder(inside)
    monkeypatch.setattr(DataFolder, "run", folder.root)  # its path is too long for sockets

    for _ in range(2):
        embedded._unprivileged_user(folder)

    assert [stat.S_IMODE(path.stat().st_mode) for path in (closed, inside)] == [0o701, 0o701]
    (said,) = caplog.messages
    assert said.startswith(
        "PostgreSQL runs as raxx-postgres, so other users may now pass through (not list): "
    )
    assert {str(closed), str(inside)} <= set(said.partition("list): ")[2].split(", "))
