"""/auth: sign up, enrol, log in, recover. What fails is counted by address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from accounts import throttling
from accounts.api.bodies import json_response, read_body
from accounts.errors import Failure
from accounts.passkeys import ceremonies
from accounts.services.enrolment import begin_enrolment, complete_enrolment
from accounts.services.log_in import begin_log_in, complete_log_in
from accounts.services.recovery import recover
from accounts.services.sign_up import ask_to_join
from accounts.web.base import CEREMONY_COOKIE, Answer, JsonView, binding_of, let_in, take_in, with_ceremony

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

CREATED, ACCEPTED = 201, 202
MAILED = "If the address can be mailed to, a mail with the next step is on its way."


class Address(msgspec.Struct):
    """POST of an address."""

    email: str


class Token(msgspec.Struct):
    """POST of a link's token; none in a session that may only enrol."""

    token: str = ""


class NamedAnswer(Answer):
    """A device's answer, and what its passkey shall be called."""

    name: str = ""


class Code(msgspec.Struct):
    """POST of a recovery code."""

    email: str
    code: str


_address_decoder = msgspec.json.Decoder(Address)
_token_decoder = msgspec.json.Decoder(Token)
_named_answer_decoder = msgspec.json.Decoder(NamedAnswer)
_answer_decoder = msgspec.json.Decoder(Answer)
_code_decoder = msgspec.json.Decoder(Code)


class SignUp(JsonView):
    """An address that wants to join."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Mail it the next step; the answer is the same for every address."""
        body = read_body(request, _address_decoder)
        throttling.attempt("sign_up", self.where.address)
        throttling.attempt_mail(body.email)
        ask_to_join(email=body.email)
        return json_response({"message": MAILED}, ACCEPTED)


class EnrolBegin(JsonView):
    """A first passkey's challenge."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Return creation options for a link's token, or for a session that may only enrol."""
        body = read_body(request, _token_decoder)
        throttling.refuse_if_blocked("log_in", self.where.address)
        throttling.attempt("ceremony", self.where.address)
        key = ceremonies.new_key()
        try:
            begun = begin_enrolment(
                token=body.token,
                session=self.session,
                binding=ceremonies.binding_of_key(key),
                where=self.where,
            )
        except Failure:
            throttling.count_failure("log_in", self.where.address)
            raise
        response = with_ceremony(begun.options, key)
        if begun.session is not None:
            take_in(request, response, begun.session, before=self.session)
        return response


class EnrolComplete(JsonView):
    """A first passkey."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep it, and let its person in."""
        body = read_body(request, _named_answer_decoder)
        entered = complete_enrolment(
            session=self.session,
            binding=binding_of(request),
            answer=body.credential,
            name=body.name,
            where=self.where,
        )
        return let_in(request, entered, before=self.session, status=CREATED)


class LogInBegin(JsonView):
    """A log-in's challenge."""

    def post(self, request: HttpRequest) -> HttpResponse:  # noqa: ARG002 - Django's signature
        """Return request options that name no passkey."""
        throttling.refuse_if_blocked("log_in", self.where.address)
        throttling.attempt("ceremony", self.where.address)
        key = ceremonies.new_key()
        return with_ceremony(begin_log_in(binding=ceremonies.binding_of_key(key)), key)


class LogInComplete(JsonView):
    """A log-in."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Let in whoever's passkey has answered."""
        body = read_body(request, _answer_decoder)
        throttling.refuse_if_blocked("log_in", self.where.address)
        try:
            entered = complete_log_in(binding=binding_of(request), answer=body.credential, where=self.where)
        except Failure:
            throttling.count_failure("log_in", self.where.address)
            raise
        return let_in(request, entered, before=self.session, status=200)


class Recover(JsonView):
    """A recovery code."""

    def post(self, request: HttpRequest) -> HttpResponse:
        """Begin a session that may only enrol a passkey."""
        body = read_body(request, _code_decoder)
        throttling.refuse_if_blocked("recovery", self.where.address)
        try:
            session = recover(email=body.email, code=body.code, where=self.where)
        except Failure:
            throttling.count_failure("recovery", self.where.address)
            raise
        response = json_response({"session": str(session.id), "expires_at": session.expires_at})
        take_in(request, response, session, before=self.session)
        response.delete_cookie(CEREMONY_COOKIE, samesite="Strict")
        return response
