"""The pages of people's access. None ends in a slash."""

from __future__ import annotations

from django.urls import path

from accounts.dashboard.entrance import Enrol, LogIn, Recover, SignUp
from accounts.dashboard.leaving import Keep, Leaving
from accounts.dashboard.security import Security, Welcome

urlpatterns = [
    path("sign-up", SignUp.as_view(), name="sign-up"),
    path("sign-up/<str:token>", Enrol.as_view(), name="sign-up-link"),
    path("enrol", Enrol.as_view(), name="enrol"),
    path("enrol/<str:token>", Enrol.as_view(), name="enrol-link"),
    path("log-in", LogIn.as_view(), name="log-in"),
    path("recover", Recover.as_view(), name="recover"),
    path("leaving", Leaving.as_view(), name="leaving"),
    path("keep/<str:token>", Keep.as_view(), name="keep-link"),
    path("welcome", Welcome.as_view(), name="welcome"),
    path("security", Security.as_view(), name="security"),
]
