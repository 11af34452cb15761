"""Archives of all that is kept of a person: asked for, made by a worker, fetched once, gone after a day.

Why so: accounts/decisions/0006-privacy.md.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from contextlib import ExitStack
from datetime import timedelta
from typing import IO, TYPE_CHECKING

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts import mail, tracing
from accounts.errors import LinkUnusable, NotFound, Unavailable
from accounts.models import Export, User
from accounts.privacy import folder
from accounts.privacy.archive import write_archive
from accounts.services.audit import record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from uuid import UUID

    from django.db.models import QuerySet

    from accounts.querysets import Owner

logger = logging.getLogger(__name__)

GOOD_FOR = timedelta(hours=24)  # of the link and of its file
ATTEMPTS_MAX = 8
WAIT_FIRST = timedelta(minutes=1)  # after a failed attempt; doubled each time
KEPT_FOR = timedelta(days=30)  # of the row
UNUSABLE = "the archive was fetched already, is too old, or the link is not the one that was mailed"

# One archive at a time, of the whole installation: whoever makes one reads for long, and others wait for the worker.
_ALONE = "select pg_try_advisory_xact_lock(hashtextextended('accounts.exports', 0))"
_SNAPSHOT = "set transaction isolation level repeatable read"


def ask_for_export(*, owner: Owner) -> Export:
    """Write down that a person wants their data. Who has asked already and waits is answered with that."""
    assert owner.pk is not None
    waiting = Export.objects.owned_by(owner).filter(status=Export.Status.WAITING)
    if (asked := waiting.first()) is not None:
        return asked
    try:
        with transaction.atomic(durable=True):
            export = Export.objects.create(user_id=owner.pk)
            record(action="export.asked", user_id=owner.pk, after={"export": export.pk})
    except IntegrityError:  # another request of theirs was a moment earlier
        return waiting.get()
    return export


def exports_of(owner: Owner) -> QuerySet[Export]:
    """Return a person's archives, newest first."""
    return Export.objects.owned_by(owner).order_by("-asked_at", "-pk")


def export_of(owner: Owner, export_id: UUID) -> Export:
    """Return one of a person's archives. Raises NotFound."""
    export = Export.objects.owned_by(owner).filter(pk=export_id).first()
    if export is None:
        raise _not_found(export_id)
    return export


def fetch(*, owner: Owner, export_id: UUID, token: str) -> tuple[IO[bytes], int]:
    """Spend the link that was mailed; return the open file and its length. It is nowhere else any more.

    Raises NotFound, LinkUnusable, Unavailable.
    """
    export_of(owner, export_id)
    digest = hashlib.sha256(token.encode()).digest()
    with transaction.atomic(durable=True):
        ready = Export.objects.owned_by(owner).filter(pk=export_id, status=Export.Status.READY)
        export = ready.select_for_update(of=("self",)).first()
        now = timezone.now()
        if export is None or export.expires_at is None or export.expires_at <= now:
            raise LinkUnusable(UNUSABLE)
        if not hmac.compare_digest(bytes(export.token_hash or b""), digest):
            raise LinkUnusable(UNUSABLE)
        name = export.file
        try:
            file = (folder.folder() / name).open("rb")
        except FileNotFoundError:
            logger.error("the file of export %s is not in %s", export_id, settings.EXPORTS)  # noqa: TRY400
            raise Unavailable("the archive cannot be read here; try again later") from None
        with ExitStack() as otherwise:
            otherwise.callback(file.close)
            export.status, export.downloaded_at = Export.Status.DOWNLOADED, now
            export.token_hash, export.file = None, ""
            export.save(update_fields=["status", "downloaded_at", "token_hash", "file"])
            record(action="export.downloaded", user_id=export.user_id, after={"export": export_id})
            otherwise.pop_all()
    folder.remove(name)  # what is open can still be read to its end
    return file, export.size_bytes or 0


def make_exports() -> int:
    """Make the archives that wait, one after another; return how many. May run twice, or beside itself.

    Killed at any instant it leaves the row waiting, and perhaps a file that the sweep removes.
    """
    made = 0
    while (outcome := _make_next()) is not None:
        made += outcome
    return made


def sweep_exports() -> None:
    """Delete archives that nobody fetched in time, files that no row names, and rows that nobody needs."""
    now = timezone.now()
    for export in Export.objects.across_owners().filter(status=Export.Status.READY, expires_at__lte=now):
        folder.remove(export.file)
        old = Export.objects.across_owners().filter(pk=export.pk, status=Export.Status.READY)
        old.update(status=Export.Status.EXPIRED, token_hash=None, file="")
    ready = Export.objects.across_owners().filter(status=Export.Status.READY)
    folder.remove_abandoned(set(ready.values_list("file", flat=True)))
    over = Export.objects.across_owners().exclude(status__in=[Export.Status.WAITING, Export.Status.READY])
    over.filter(asked_at__lte=now - KEPT_FOR).delete()


def export_now(
    *,
    user: User,
    path: Path,
    progress: Callable[[int, int, str], None] = lambda _done, _of, _table: None,
) -> dict[str, int]:
    """Write a person's archive to a new file, for an operator; return how many rows each table gave.

    The file is its owner's alone (mode 0600), and whole, or not there. It is told in the audit log before it has
    its name: killed between the two the log knows of an archive that nobody got, never the other way round.
    `progress` as of `write_archive`. Raises FileExistsError.
    """
    with folder.whole_file(path) as file, transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(_SNAPSHOT)
        counts = write_archive(file, user_id=user.pk, made_at=timezone.now(), progress=progress)
        record(action="export.by_operator", user_id=user.pk, after={"rows": sum(counts.values())})
    return counts


def _make_next() -> bool | None:
    """Make the archive that waits longest; return whether that went well, None where there was none to make."""
    export: Export | None = None
    try:
        with transaction.atomic(durable=True):
            with connection.cursor() as cursor:
                cursor.execute(_SNAPSHOT)
                cursor.execute(_ALONE)
                if cursor.fetchone() != (True,):
                    return None
            due = Export.objects.across_owners().filter(
                status=Export.Status.WAITING, next_attempt_at__lte=timezone.now()
            )
            locked = due.order_by("asked_at").select_for_update(skip_locked=True, of=("self",))
            export = locked.select_related("user").first()
            if export is None:
                return None
            tracing.told(user_id=export.user_id)
            with folder.new_file() as (name, file):
                _make(export, name, file)
    except Exception:  # whatever it was: the next one shall not wait for ever
        if export is None:
            raise
        logger.exception("export %s could not be made", export.pk)
        _put_off(export, is_last=export.attempts + 1 >= ATTEMPTS_MAX)
        return False
    return True


def _make(export: Export, name: str, file: IO[bytes]) -> None:
    """Write the archive, its row, and the mail with its link.

    The mail goes before the commit: whoever got one that is then undone gets another one later, and nobody
    waits for one that was never sent.
    """
    counts = write_archive(file, user_id=export.user_id, made_at=timezone.now())
    now, token = timezone.now(), secrets.token_urlsafe(32)
    export.status, export.ready_at, export.expires_at = Export.Status.READY, now, now + GOOD_FOR
    export.size_bytes, export.file = file.tell(), name
    export.token_hash = hashlib.sha256(token.encode()).digest()
    export.save()
    record(
        action="export.made",
        user_id=export.user_id,
        after={"export": export.pk, "rows": sum(counts.values()), "bytes": export.size_bytes},
    )
    words = [
        "The archive of all that Raxx keeps of you is ready. Log in, then open this link in the same browser:",
        "",
        f"{settings.ORIGINS[0]}/raxx/v1/privacy/exports/{export.pk}/download?token={token}",
        "",
        f"The link works once, for 24 hours. {mail.NOT_YOU}",
    ]
    mail.send_word(export.user.email, subject="your data", words="\n".join(words))


@transaction.atomic(durable=True)
def _put_off(export: Export, *, is_last: bool) -> None:
    mine = Export.objects.across_owners().filter(pk=export.pk, status=Export.Status.WAITING)
    wait = WAIT_FIRST * 2**export.attempts
    mine.update(
        attempts=export.attempts + 1,
        next_attempt_at=timezone.now() + wait,
        status=Export.Status.FAILED if is_last else Export.Status.WAITING,
    )


def _not_found(export_id: UUID) -> NotFound:
    return NotFound(f"export not found for {export_id}")
