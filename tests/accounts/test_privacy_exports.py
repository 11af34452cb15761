"""/raxx/v1/privacy/export: asked for with a passkey, made by a worker, fetched once by the link that was mailed."""

from __future__ import annotations

import io
import os
import re
import stat
import threading
import tracemalloc
import zipfile
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.core import mail
from django.db import connection, connections, transaction
from django.utils import timezone

from accounts.models import AuditEntry, Export, User
from accounts.models.user import new_id
from accounts.privacy import archive
from accounts.privacy.keepers import Holding
from accounts.services import exports
from accounts.tasks import make_the_exports, sweep_the_exports
from raxx import roles
from tests.api.conftest import refusal
from tests.factories.people import Browser, make_session, signed_in
from tests.factories.rows import make_account, make_api_key, make_user
from tests.factories.sessions import session
from tests.factories.whole_person import as_worker
from tests.trading.walls import refused, sql

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_django.fixtures import SettingsWrapper

pytestmark = pytest.mark.django_db(transaction=True)

ASK, LIST = "/raxx/v1/privacy/export", "/raxx/v1/privacy/exports"
UNUSABLE, MISSING, STALE, UNKNOWN = (422, 42210000), (404, 40410000), (401, 40110001), (401, 40110000)
LINK = re.compile(r"/raxx/v1/privacy/exports/([-0-9a-f]{36})/download\?token=(\S+)")


@pytest.fixture(autouse=True)
def folder(settings: SettingsWrapper, tmp_path: Path) -> Path:
    settings.EXPORTS = tmp_path / "exports"
    return settings.EXPORTS


@pytest.fixture
def browser() -> Browser:
    return signed_in()


def make() -> None:
    with as_worker():
        make_the_exports()


def link_of(message: Any) -> tuple[str, str]:
    """Return the path of the link in a mail, and its token."""
    found = LINK.search(message.body)
    assert found is not None, message.body
    return f"{LIST}/{found[1]}/download", found[2]


def ready(browser: Browser) -> tuple[str, str]:
    """Ask for an archive, have it made, and return its link."""
    assert browser.post(ASK).status_code == 202
    make()
    return link_of(mail.outbox[-1])


def content_of(answer: Any) -> bytes:
    return b"".join(answer.streaming_content)


def actions(user: User) -> list[str]:
    return list(
        AuditEntry.objects.filter(subject=user.pk, action__startswith="export.")
        .order_by("seq")
        .values_list("action", flat=True)
    )


# --- Asking ----------------------------------------------------------------------------------------


def test_an_archive_is_asked_for_made_mailed_and_fetched(browser: Browser, folder: Path) -> None:
    asked = browser.post(ASK)

    assert asked.status_code == 202
    body = asked.json()
    assert (body["status"], body["ready_at"], body["size_bytes"]) == ("waiting", None, None)
    assert browser.get(LIST).json() == [body]
    assert browser.get(f"{LIST}/{body['id']}").json() == body

    make()

    (message,) = mail.outbox
    assert message.to == [browser.user.email]
    path, token = link_of(message)
    told = browser.get(f"{LIST}/{body['id']}").json()
    assert told["status"] == "ready"
    assert token not in browser.get(LIST).content.decode()

    answer = browser.get(path, token=token)

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/zip"
    assert answer.headers["Cache-Control"] == "no-store"
    content = content_of(answer)
    assert len(content) == int(answer.headers["Content-Length"]) == told["size_bytes"]
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert browser.user.email in zipfile.ZipFile(io.BytesIO(content)).read("accounts_user.json").decode()
    assert browser.get(f"{LIST}/{body['id']}").json()["status"] == "downloaded"
    assert list(folder.iterdir()) == []
    assert actions(browser.user) == ["export.asked", "export.made", "export.downloaded"]


def test_the_file_is_its_owner_s_alone_under_a_name_that_nobody_guesses(
    browser: Browser, folder: Path
) -> None:
    ready(browser)

    (file,) = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert re.fullmatch(r"[0-9a-f]{32}\.zip", file.name)


def test_who_waits_already_is_answered_with_that(browser: Browser) -> None:
    first = browser.post(ASK).json()

    assert browser.post(ASK).json() == first
    assert Export.objects.count() == 1
    assert actions(browser.user) == ["export.asked"]
    make()
    assert browser.post(ASK).json()["id"] != first["id"]


def test_of_two_who_ask_at_once_one_archive_is_made(browser: Browser) -> None:
    barrier = threading.Barrier(2)
    answers = []

    def ask() -> None:
        barrier.wait()
        answers.append(browser.post(ASK))
        connections.close_all()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[0].json()["id"] == answers[1].json()["id"]


def test_it_needs_a_fresh_passkey_and_a_session() -> None:
    stale = signed_in(is_fresh=False)
    account = make_account(stale.user)
    key = make_api_key(account)

    assert refusal(stale.post(ASK)) == STALE
    headers = {"APCA-API-KEY-ID": key.pk, "APCA-API-SECRET-KEY": "a secret of a test, which opens nothing"}
    nobody = Browser("no session", stale.user, headers)
    for method, path in (("post", ASK), ("get", LIST), ("get", f"{LIST}/{new_id()}")):
        assert refusal(nobody.call(method, path)) == UNKNOWN
    assert stale.get(LIST).json() == []
    assert not Export.objects.exists()


# --- The link --------------------------------------------------------------------------------------


def test_the_link_works_once(browser: Browser) -> None:
    path, token = ready(browser)
    content_of(browser.get(path, token=token))

    assert refusal(browser.get(path, token=token)) == UNUSABLE
    assert actions(browser.user).count("export.downloaded") == 1


def test_of_twelve_who_fetch_at_once_one_gets_it(browser: Browser) -> None:
    path, token = ready(browser)
    barrier = threading.Barrier(12)
    answers: list[Any] = []

    def fetch() -> None:
        barrier.wait()
        answers.append(browser.get(path, token=token))
        connections.close_all()

    threads = [threading.Thread(target=fetch) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answer.status_code for answer in answers) == [200] + [422] * 11
    for answer in answers:
        answer.close()


def test_a_wrong_token_opens_nothing_and_spends_nothing(browser: Browser) -> None:
    path, token = ready(browser)

    for wrong in ("", "x", token[:-1], token + "x", "é"):
        assert refusal(browser.get(path, token=wrong)) == UNUSABLE
    assert refusal(browser.get(path)) == UNUSABLE
    assert browser.call("head", path, {"token": token}).status_code == 405
    assert content_of(browser.get(path, token=token))


def test_the_link_without_its_person_s_session_opens_nothing(browser: Browser) -> None:
    path, token = ready(browser)
    other = signed_in()

    assert refusal(other.get(path, token=token)) == MISSING
    assert refusal(other.get(path.removesuffix("/download"))) == MISSING
    assert other.get(LIST).json() == []
    assert refusal(Browser("nobody's", browser.user).get(path, token=token)) == UNKNOWN
    assert content_of(browser.get(path, token=token))


def test_after_a_day_link_and_file_are_gone(browser: Browser, folder: Path) -> None:
    path, token = ready(browser)
    Export.objects.update(expires_at=timezone.now())

    assert refusal(browser.get(path, token=token)) == UNUSABLE
    with as_worker():
        sweep_the_exports()

    assert list(folder.iterdir()) == []
    assert browser.get(LIST).json()[0]["status"] == "expired"
    assert refusal(browser.get(path, token=token)) == UNUSABLE


def test_a_day_is_a_day(browser: Browser) -> None:
    ready(browser)
    export = Export.objects.get()

    assert export.expires_at is not None
    assert export.ready_at is not None
    assert export.expires_at - export.ready_at == timedelta(hours=24)


def test_a_file_that_is_on_another_machine_spends_no_link(browser: Browser, folder: Path) -> None:
    path, token = ready(browser)
    (file,) = folder.iterdir()
    away = file.rename(folder.parent / file.name)

    assert browser.get(path, token=token).status_code == 503
    away.rename(file)
    assert content_of(browser.get(path, token=token))


# --- Making ----------------------------------------------------------------------------------------


def test_a_worker_that_is_killed_leaves_the_wish_and_no_link(
    browser: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.post(ASK)
    with monkeypatch.context() as dying:
        dying.setattr(exports, "record", lambda **_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            make()

    assert Export.objects.get().status == "waiting"
    assert mail.outbox == []
    make()
    assert Export.objects.get().status == "ready"
    assert len(list(folder.iterdir())) == 1


def test_what_cannot_be_made_is_tried_later_and_not_for_ever(
    browser: Browser, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.post(ASK)
    before = timezone.now()
    monkeypatch.setattr(mail.get_connection().__class__, "send_messages", _refuse)

    make()

    export = Export.objects.get()
    assert (export.status, export.attempts) == ("waiting", 1)
    assert export.next_attempt_at >= before + exports.WAIT_FIRST
    make()
    assert Export.objects.get().attempts == 1  # not its time yet
    for _ in range(exports.ATTEMPTS_MAX):
        Export.objects.update(next_attempt_at=timezone.now())
        make()
    assert (Export.objects.get().status, Export.objects.get().attempts) == ("failed", exports.ATTEMPTS_MAX)
    assert list(folder.iterdir()) == []


def _refuse(*_: Any) -> None:
    raise OSError("no mail server takes it")


def test_one_that_fails_keeps_no_other_waiting(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    other = signed_in()
    for each in (browser, other):
        each.post(ASK)
    write = exports.write_archive

    def fail_for_one(file: Any, *, user_id: Any, made_at: Any) -> Any:
        if user_id == browser.user.pk:
            raise RuntimeError("a bug")
        return write(file, user_id=user_id, made_at=made_at)

    monkeypatch.setattr(exports, "write_archive", fail_for_one)
    make()

    assert Export.objects.get(user=other.user).status == "ready"
    assert Export.objects.get(user=browser.user).status == "waiting"


def test_while_one_is_made_another_worker_makes_none(browser: Browser) -> None:
    browser.post(ASK)
    with session(roles.WORKER, autocommit=False) as another:
        another.execute(exports._ALONE)
        with as_worker():
            assert exports.make_exports() == 0
        another.rollback()
        with as_worker():
            assert exports.make_exports() == 1


def test_what_nobody_wrote_down_is_swept_but_not_what_is_being_written(folder: Path) -> None:
    folder.mkdir()
    old, fresh = folder / f"{'a' * 32}.zip", folder / f"{'b' * 32}.zip"
    for file in (old, fresh):
        file.write_bytes(b"half an archive")
    os.utime(old, (0, 0))
    with as_worker():
        sweep_the_exports()

    assert list(folder.iterdir()) == [fresh]


def test_rows_of_archives_are_forgotten_after_thirty_days(browser: Browser) -> None:
    path, token = ready(browser)
    content_of(browser.get(path, token=token))
    browser.post(ASK)
    Export.objects.update(asked_at=timezone.now() - timedelta(days=31))

    with as_worker():
        sweep_the_exports()

    assert [export.status for export in Export.objects.all()] == ["waiting"]


def test_memory_stays_flat_however_many_rows_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    user = make_user()
    rows, width = 60_000, 200
    big = Holding(table="accounts_user", words="", whose="t.id = %(user)s", figures={"filler": "'x'"})
    statement = f"select g as n, repeat('x', {width}) as filler from generate_series(1, {rows}) g where %(user)s is not null"
    monkeypatch.setattr(archive, "holdings", lambda: [big])
    monkeypatch.setattr(archive, "_statement", lambda _: statement)

    class Sink(io.RawIOBase):
        written = 0

        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            self.written += len(data)
            return len(data)

    tracemalloc.start()
    with transaction.atomic():
        counts = archive.write_archive(Sink(), user_id=user.pk, made_at=timezone.now())  # type: ignore[arg-type]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert counts == {"accounts_user": rows}
    assert peak < rows * width / 2


# --- The walls -------------------------------------------------------------------------------------


def test_who_serves_people_can_make_no_archive_ready_and_see_no_other_s(browser: Browser) -> None:
    other = signed_in()
    other.post(ASK)
    browser.post(ASK)
    mine = Export.objects.get(user=browser.user)
    with session(roles.APP) as app:
        app.execute("select set_config('raxx.user_id', %s, false)", [str(browser.user.pk)])
        seen = app.execute("select id from accounts_export").fetchall()
        assert [row["id"] for row in seen] == [mine.pk]
        changed = app.execute("update accounts_export set status = 'ready', token_hash = 'x'")
        assert changed.rowcount == 0
        for statement in (
            (
                f"insert into accounts_export (id, user_id, status, asked_at, attempts, next_attempt_at, file, token_hash)"
                f" values (gen_random_uuid(), '{browser.user.pk}', 'ready', now(), 0, now(), '../x', 'x')"
            ),
            "update accounts_export set file = '../secrets', user_id = user_id",
            "delete from accounts_export",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                app.execute(statement)


def test_a_session_that_may_only_enrol_has_none_of_it() -> None:
    user = make_user()
    enrolling = Browser(make_session(user, is_enrol_only=True, is_fresh=False), user)

    for method, path in (("post", ASK), ("get", LIST)):
        assert refusal(enrolling.call(method, path)) == (403, 40310002)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from accounts_export")
        assert cursor.fetchone() == (0,)


def test_two_wishes_cannot_wait_in_the_database() -> None:
    user = make_user()
    Export.objects.create(user=user)

    with refused("export_one_waiting"):
        Export.objects.create(user=user)
    assert sql("select count(*) from accounts_export") == [(1,)]
