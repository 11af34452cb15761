"""What belongs to nobody: assets, which superusers suspend, and simulation profiles, whose versions never change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.http import HttpResponseRedirect
from django.urls import path, reverse

from accounts.admin import SUPPORT, SupportAdmin, judged_by
from accounts.errors import RuleBroken, ValueInvalid
from trading.admin.forms import ProfileForm
from trading.admin.pages import form_page, is_wrong
from trading.models import Asset, SimulationProfile
from trading.services.profiles import define_profile, next_definition

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern


@admin.register(Asset)
class AssetAdmin(SupportAdmin):
    """What can be traded, and what is suspended: an act of the staff does that."""

    list_display = ("symbol", "name", "asset_class", "exchange", "status", "tradable", "suspended_at")
    list_filter = ("status", "asset_class", ("suspended_at", admin.EmptyFieldListFilter))
    search_fields = ("symbol", "name")
    ordering = ("symbol",)
    change_form_template = "trading/admin/asset.html"


@admin.register(SimulationProfile)
class SimulationProfileAdmin(SupportAdmin):
    """Every version of every profile. A version never changes: what is defined is the next one."""

    list_display = ("name", "version", "model", "is_offered", "description")
    list_filter = ("is_offered",)
    search_fields = ("name", "description")
    ordering = ("name", "-version")
    change_list_template = "trading/admin/profiles.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the form that defines the next version."""
        define = self.admin_site.admin_view(self.define_view)
        return [path("define/", define, name="trading_simulationprofile_define"), *super().get_urls()]

    def judge_define(self, request: HttpRequest) -> HttpResponse | None:
        """Return the page of what cannot be defined."""
        form = ProfileForm(request.POST or None)
        if not request.user.is_superuser or not is_wrong(form, lambda: next_definition(**_said(form))):
            return None
        return self._form(request, form)

    @judged_by(judge_define)
    def define_view(self, request: HttpRequest) -> HttpResponse:
        """Show the form, or define what it says: for superusers."""
        if not request.user.is_superuser:
            return super().change_view(request, "define")
        form = ProfileForm(request.POST or None)
        if form.is_valid():
            try:
                done = define_profile(reason=form.cleaned_data["reason"], **_said(form))
            except (ValueInvalid, RuleBroken) as error:
                form.add_error(None, str(error))
            else:
                words = f"{done.profile} is defined." if done.is_new else f"{done.profile} says so already."
                self.message_user(request, words, messages.SUCCESS)
                return HttpResponseRedirect(reverse("admin:trading_simulationprofile_changelist"))
        return self._form(request, form)

    def _form(self, request: HttpRequest, form: ProfileForm) -> HttpResponse:
        more: dict[str, Any] = {"title": "Define the next version of a profile"}
        return form_page(self, request, "trading/admin/define.html", form, **more)


def _said(form: ProfileForm) -> dict[str, Any]:
    """Return what a form in order says, as the services take it."""
    return {"name": form.cleaned_data["name"], "changes": form.changes, "using": SUPPORT}
