"""The site of the support staff, at /admin/: entered with a passkey, under the policy of raxx.headers."""

from __future__ import annotations

from functools import update_wrapper
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.http import HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_otp_webauthn.models import WebAuthnCredential

from accounts import tracing
from accounts.admin import SUPPORT, SupportAdmin
from accounts.binding import bind
from accounts.errors import Failure, StepUpRequired, Unavailable
from accounts.step_up import require_settled
from raxx import errors, roles
from raxx.forms_shown import ASKING, require_shown

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponseBase
    from django.urls import URLPattern, URLResolver

READING = frozenset({"GET", "HEAD", "OPTIONS"})
# What takes power away is for who has just recovered their access, too: it waits for nothing.
STOPPING = frozenset({"broker_handoff_switchclosing_close", "trading_accountgrant_end"})
# Of Django's own pages: there is no password, and the way to an object's page is not by any model's id.
LEFT_OUT = frozenset({"password_change", "password_change_done", "view_on_site"})


class StaffSite(AdminSite):
    """Lets in active staff whose living session a passkey began; each change asks for that passkey anew, for it alone."""

    site_header = site_title = "Raxx support"
    index_title = "What you were granted"
    site_url = None
    enable_nav_sidebar = False
    index_template = "admin/raxx_index.html"  # Django's list of recent actions knows none of ours

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        """Take our own pages only: those that installed packages bring read as the role that serves people."""
        if admin_class is not None and issubclass(admin_class, SupportAdmin):
            super().register(model_or_iterable, admin_class, **options)

    def has_permission(self, request: HttpRequest) -> bool:
        """Say whether it is staff, signed in by a passkey that they still have."""
        device = getattr(request.user, "otp_device", None)
        return super().has_permission(request) and isinstance(device, WebAuthnCredential)

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Send to the log-in and back. Raises PermissionDenied for somebody who is signed in and not staff."""
        wanted = request.GET.get("next", "")
        is_ours = url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure())
        target = wanted if is_ours else reverse("admin:index", current_app=self.name)
        if self.has_permission(request):
            return HttpResponseRedirect(target)
        if request.user.is_authenticated:
            raise PermissionDenied  # no way round: the log-in would send them back here
        return redirect_to_login(target, settings.LOGIN_URL)

    def admin_view(  # type: ignore[override] # Django's stubs want a function with its own attributes
        self,
        view: Callable[..., HttpResponseBase],
        cacheable: bool = False,  # noqa: FBT002 - Django's signature
    ) -> Callable[..., HttpResponseBase]:
        """Put around every page: who it is, and the passkey's yes to the very form before a change.

        A form that cannot be is answered without one: see `accounts.admin.judged_by`.
        """

        def as_staff(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            # Django has asked has_permission by now.
            user = request.user
            assert user.pk is not None
            bind(user.pk)  # not for the view alone: the page is rendered after it
            tracing.told(user_id=user.pk, actor_kind="staff", actor_id=str(user.pk))
            try:
                _require_support_role()
                if request.method not in READING and view != self.logout:
                    if request.resolver_match is None or request.resolver_match.url_name not in STOPPING:
                        require_settled(request.session.living)  # type: ignore[attr-defined] # our session engine
                    try:
                        request.shown = require_shown(request)  # type: ignore[attr-defined] # of the services
                    except StepUpRequired:
                        wrong = _judged(view, request, *args, **kwargs)
                        if wrong is None:
                            raise
                        return wrong
                return view(request, *args, **kwargs)
            except Failure as error:
                answer = errors.answer(error)
                if answer is None:
                    raise
                return self._told(request, error, answer)

        update_wrapper(as_staff, view)
        return super().admin_view(as_staff, cacheable)

    def _told(self, request: HttpRequest, error: Failure, answer: HttpResponse) -> HttpResponse:
        """Return a refusal as a page where somebody reads it, else as it is: JSON, for scripts."""
        if ASKING in request.headers or "text/html" not in request.headers.get("Accept", ""):
            return answer
        context = {**self.each_context(request), "title": "Nothing was done", "error": error}
        page = TemplateResponse(request, "admin/raxx_refused.html", context, status=answer.status_code)
        for name in ("WWW-Authenticate", "Retry-After"):
            if name in answer.headers:
                page[name] = answer.headers[name]
        return page

    def get_urls(self) -> list[URLPattern | URLResolver]:
        """Return Django's own but those that nobody needs here."""
        return [route for route in super().get_urls() if getattr(route, "name", None) not in LEFT_OUT]


def _judged(view: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse | None:
    """Return the page of a form that cannot be, so that nobody shows a passkey for it; None for any other."""
    judge = getattr(view, "judge", None)
    found: HttpResponse | None = None if judge is None else judge(view.__self__, request, *args, **kwargs)
    return found


def _require_support_role() -> None:
    """Raise Unavailable where another role than support's would answer: it may see more, or less."""
    if connections[SUPPORT].settings_dict["USER"] != roles.SUPPORT:
        raise Unavailable(f"the admin needs a login as {roles.SUPPORT}: set RAXX_SUPPORT_DATABASE_URL")
