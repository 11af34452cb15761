"""What a caller may see go wrong, whichever app finds it. `raxx.errors` alone says with which status and code.

The text is the caller's to read: it gives the fact and the value, nothing of our insides and
nothing of other owners. `context` holds the further fields of the body.
"""

from __future__ import annotations

from typing import Any, ClassVar


class Failure(Exception):
    """An anticipated failure; `code` is stable. When it is raised, nothing has changed."""

    code: ClassVar[str] = "failure"

    def __init__(self, message: str, **context: Any) -> None:
        super().__init__(message)
        self.message = message
        self.context = context
        self.of_market: frozenset[str] = frozenset()  # fields of the context that tell the market's price now


class NotAuthorized(Failure):
    """No credential, or one that does not open anything (any more)."""

    code = "not_authorized"


class StepUpRequired(Failure):
    """The caller is known, and must show a passkey again before this."""

    code = "step_up_required"


class ScopeMissing(Failure):
    """The credential is good, and may not do this."""

    code = "scope_missing"


class EnrolmentOnly(ScopeMissing):
    """The session came from a recovery: all that it may do is enrol a passkey."""

    code = "enrolment_only"


class Leaving(ScopeMissing):
    """The person has asked to be erased: all that they may do is withdraw that, or ask for their data."""

    code = "leaving"


class CoolingDown(ScopeMissing):
    """The person has just recovered their access, and may do this later."""

    code = "cooling_down"


class BodyUnreadable(Failure):
    """The request's body is not what this path reads at all."""

    code = "body_unreadable"


class BodyTooLarge(Failure):
    """The request's body is longer than any that this path reads."""

    code = "body_too_large"


class ContentTypeWrong(Failure):
    """The request says that its body is something other than JSON."""

    code = "content_type_wrong"


class ValueInvalid(Failure):
    """A field or parameter is missing or has a value that can never be right."""

    code = "value_invalid"


class RuleBroken(Failure):
    """The values are good, and a rule or the present state forbids them."""

    code = "rule_broken"


class NotFound(Failure):
    """There is no such thing, as far as the caller may know."""

    code = "not_found"


class RateLimited(Failure):
    """The caller has asked too often; `context["retry_after"]` says how many seconds to wait."""

    code = "rate_limited"


class Unavailable(Failure):
    """Something that we need is away; nothing was changed, and a later attempt may work."""

    code = "unavailable"


class PasskeyRefused(RuleBroken):
    """What a passkey answered was not accepted. The caller is not told why: a stranger may be asking."""

    code = "passkey_refused"


class LinkUnusable(RuleBroken):
    """A mailed link is too old, was used, or is not one of ours."""

    code = "link_unusable"


class AccessRefused(RuleBroken):
    """An address and a recovery code do not belong together, or were tried too often."""

    code = "access_refused"


class AddressTaken(Failure):
    """Somebody has signed up with this address meanwhile."""

    code = "address_taken"
