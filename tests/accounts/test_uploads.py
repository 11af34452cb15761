"""Nobody sends us files: no request fills a disk, whoever sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.factories.people import CSRF, as_web

if TYPE_CHECKING:
    from django.http import HttpRequest

pytestmark = pytest.mark.django_db(transaction=True)

MEGABYTE = 1024 * 1024


@pytest.mark.parametrize("path", ["/auth/sign-up", "/auth/log-in/begin", "/admin/", "/log-in"])
def test_a_file_is_refused_before_any_of_it_is_kept(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[str] = []

    def keep(*_: object, **__: object) -> HttpRequest:
        kept.append(path)
        raise AssertionError("a part of the file was kept")

    for handler in ("MemoryFileUploadHandler", "TemporaryFileUploadHandler"):
        monkeypatch.setattr(f"django.core.files.uploadhandler.{handler}.receive_data_chunk", keep)
    # The check against forgery reads forms before it compares, so that anybody's cookie gets as far.
    stranger = Client(enforce_csrf_checks=True)
    stranger.cookies[settings.CSRF_COOKIE_NAME] = CSRF
    with as_web():
        answer = stranger.post(path, {"file": SimpleUploadedFile("big", b"x" * 3 * MEGABYTE)})

    assert (answer.status_code, kept) == (400, [])
    assert answer.json()["code"] == 40010000
