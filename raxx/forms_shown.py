"""What a passkey says yes to on the site of the staff: one form, sent to one address, as it is filled in.

The script of a page sends the form once with the header `Raxx-Step-Up: ask`, which does nothing but tell the digest;
it has the passkey shown for that digest, and sends the form. A form that was changed in between, for another
account or with another sum, has another digest, for which nobody has said yes. What is judged before the passkey
(`accounts.admin.judged_by`) is that very form: where it cannot be, its page with the errors is the answer.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import TYPE_CHECKING

from accounts.step_up import Shown, spend_assertion, step_up_for

if TYPE_CHECKING:
    from django.http import HttpRequest

ASKING = "Raxx-Step-Up"
_TOKEN = "csrfmiddlewaretoken"  # noqa: S105 - the field's name; the value is of the page, not of what is wished
_WHAT = "raxx staff form"  # no digest of a live order, or of anything else, is one of these


def digest_of(request: HttpRequest) -> bytes:
    """Return what stands for a form as it was sent: where to, and every field but the page's own token."""
    fields = sorted((name, values) for name, values in request.POST.lists() if name != _TOKEN)
    said = [_WHAT, request.method, request.get_full_path(), fields]
    return sha256(json.dumps(said, separators=(",", ":")).encode()).digest()


def require_shown(request: HttpRequest) -> Shown:
    """Use up the passkey's yes to this form. Raises StepUpRequired with its digest, also for who only asks for that."""
    digest = digest_of(request)
    if request.headers.get(ASKING):
        raise step_up_for(digest)
    return spend_assertion(request.session.living, digest)  # type: ignore[attr-defined] # our session engine
