"""The paths of /auth. None ends in a slash."""

from __future__ import annotations

from django.urls import path

from accounts.web import keeping, own_session, ways_in

urlpatterns = [
    path("auth/sign-up", ways_in.SignUp.as_view()),
    path("auth/enrol/begin", ways_in.EnrolBegin.as_view()),
    path("auth/enrol/complete", ways_in.EnrolComplete.as_view()),
    path("auth/log-in/begin", ways_in.LogInBegin.as_view()),
    path("auth/log-in/complete", ways_in.LogInComplete.as_view()),
    path("auth/recover", ways_in.Recover.as_view()),
    path("auth/keep", keeping.Keep.as_view()),
    path("auth/session", own_session.CurrentSession.as_view()),
    path("auth/log-out", own_session.LogOut.as_view()),
    path("auth/step-up/begin", own_session.StepUpBegin.as_view()),
    path("auth/step-up/complete", own_session.StepUpComplete.as_view()),
]
