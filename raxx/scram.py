"""Whether a password is the one of a SCRAM verifier that PostgreSQL keeps."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

# What pg_authid.rolpassword looks like: RFC 5803, with PostgreSQL's separator.
_VERIFIER = re.compile(r"SCRAM-SHA-256\$(\d+):([^$]+)\$([^:]+):(.+)")


def matches(verifier: str, password: str) -> bool:
    """Tell whether the verifier was made of this password, ASCII; False for one of another kind.

    Source: RFC 5802, section 3 (SaltedPassword, ClientKey, StoredKey), with RFC 7677's hash.
    """
    found = _VERIFIER.fullmatch(verifier)
    if found is None:
        return False
    iterations, salt, stored_key = int(found[1]), base64.b64decode(found[2]), base64.b64decode(found[3])
    salted = hashlib.pbkdf2_hmac("sha256", password.encode("ascii"), salt, iterations)
    client_key = hmac.new(salted, b"Client Key", hashlib.sha256).digest()
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)
