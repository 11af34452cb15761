"""What the staff's own pages share: who looks, whether an account exists, and the page of a form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.conf import settings
from django.template.response import TemplateResponse

from accounts.admin import SUPPORT, SupportAdmin
from accounts.errors import Failure
from accounts.models import User
from trading.models import AccountEntry

if TYPE_CHECKING:
    from collections.abc import Callable

    from django import forms
    from django.http import HttpRequest, HttpResponse

    from accounts.step_up import Shown

UNPROCESSABLE = 422


def staff_of(request: HttpRequest) -> User:
    """Return who looks: the site has asked whether it is staff."""
    assert isinstance(request.user, User)
    return request.user


def shown_of(request: HttpRequest) -> Shown:
    """Return the passkey's yes to the form that was sent: the site has used it up."""
    found: Shown = request.shown  # type: ignore[attr-defined] # raxx.admin
    return found


def session_of(request: HttpRequest) -> Any:
    """Return the living session of who looks."""
    return request.session.living  # type: ignore[attr-defined] # our session engine


def entry_of(account_id: str) -> AccountEntry | None:
    """Return that an account exists, if who is bound may know; None for what is no id as well."""
    try:
        key = UUID(account_id)
    except ValueError:
        return None
    return AccountEntry.objects.using(SUPPORT).filter(pk=key).first()


def is_wrong(form: forms.Form, judge: Callable[[], object]) -> bool:
    """Say whether a form that was sent cannot be: its fields, or what `judge` raises. Its errors then say why.

    `judge` is called where the fields are in order. A form that was not sent is not wrong.
    """
    if form.is_valid():
        try:
            judge()
        except Failure as error:
            form.add_error(None, str(error))
    return bool(form.errors)


def form_page(
    admin: SupportAdmin, request: HttpRequest, template: str, form: forms.Form, **more: Any
) -> HttpResponse:
    """Return the page of a form: 422 where it was sent and is not in order."""
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "form": form,
        "csrf_cookie": settings.CSRF_COOKIE_NAME,
        **more,
    }
    return TemplateResponse(request, template, context, status=UNPROCESSABLE if form.errors else 200)
