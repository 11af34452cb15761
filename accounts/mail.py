"""The mails that people get: a link, or word of what happened to their access. Plain text, no tracking.

Sent after the commit of what they tell of, and in the request: whether somebody has the address cannot be
told by the time that it takes, because either way one mail is sent.
"""

from __future__ import annotations

import logging
from functools import partial
from smtplib import SMTPException
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction

from accounts.errors import Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

logger = logging.getLogger(__name__)

NOT_YOU = "If this was not you, sign in, look at your passkeys and sessions, and end what you do not know."


def send_link(email: str, url: str, *, subject: str, words: str, life: str) -> None:
    """Mail a link at once. Raises Unavailable when the mail server does not take it."""
    text = f"{words}\n\n{url}\n\nThe link works once, for {life}. If you did not ask for it, do nothing.\n"
    try:
        _message(email, subject, text).send()
    except (OSError, SMTPException) as error:
        logger.error("a link could not be mailed: %s", error)  # noqa: TRY400 - the fact is enough
        raise Unavailable("the mail could not be sent; try again later") from None


def send_word(email: str, *, subject: str, words: str) -> None:
    """Mail at once what somebody should know. Raises Unavailable when the mail server does not take it."""
    try:
        _message(email, subject, f"{words}\n").send()
    except (OSError, SMTPException) as error:
        logger.error("a mail could not be sent: %s", error)  # noqa: TRY400 - the fact is enough
        raise Unavailable("the mail could not be sent; try again later") from None


def tell_after_commit(email: str, *, subject: str, happened: Sequence[str], advice: str = NOT_YOU) -> None:
    """Mail what happened to somebody's access as soon as it is committed; `advice` comes last.

    What has happened stays so when no mail server takes the word of it: that is an error in the log.
    """
    transaction.on_commit(partial(_send_or_log, _message(email, subject, _text(happened, advice))))


def tell(email: str, *, subject: str, happened: Sequence[str], advice: str = NOT_YOU) -> None:
    """Mail the same at once, for who has stored that it is to be told. Raises OSError, SMTPException."""
    _message(email, subject, _text(happened, advice)).send()


def instant(at: datetime) -> str:
    """Return an instant as a mail says it."""
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _text(happened: Sequence[str], advice: str) -> str:
    return "\n".join([*happened, "", advice, settings.ORIGINS[0], ""])


def _message(email: str, subject: str, text: str) -> EmailMessage:
    return EmailMessage(f"Raxx: {subject}", text, to=[email])


def _send_or_log(message: EmailMessage) -> None:
    try:
        message.send()
    except (OSError, SMTPException) as error:
        logger.error("a mail could not be sent (%s): %s", message.subject, error)  # noqa: TRY400
