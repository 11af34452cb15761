"""The API's paths about a person and their access. None ends in a slash."""

from __future__ import annotations

from django.urls import path

from accounts.api import passkeys, privacy, recovery, sessions

urlpatterns = [
    path("raxx/v1/passkeys", passkeys.Passkeys.as_view()),
    path("raxx/v1/passkeys/begin", passkeys.PasskeyBegin.as_view()),
    path("raxx/v1/passkeys/complete", passkeys.PasskeyComplete.as_view()),
    path("raxx/v1/passkeys/<int:passkey_id>", passkeys.OnePasskey.as_view()),
    path("raxx/v1/sessions", sessions.Sessions.as_view()),
    path("raxx/v1/sessions/current", sessions.CurrentSession.as_view()),
    path("raxx/v1/sessions/<uuid:session_id>", sessions.OneSession.as_view()),
    path("raxx/v1/privacy/export", privacy.Ask.as_view()),
    path("raxx/v1/privacy/exports", privacy.Exports.as_view()),
    path("raxx/v1/privacy/exports/<uuid:export_id>", privacy.OneExport.as_view()),
    path("raxx/v1/privacy/exports/<uuid:export_id>/download", privacy.Download.as_view()),
    path("raxx/v1/privacy/erase", privacy.Erase.as_view()),
    path("raxx/v1/privacy/erase/cancel", privacy.Cancel.as_view()),
    path("raxx/v1/recovery-codes", recovery.Codes.as_view()),
]
