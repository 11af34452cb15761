"""Passkeys: django-otp-webauthn behind a hardened helper, with challenges in rows of their own.

What the library accepts as it is, and what is refused here: accounts/decisions/0003-passkeys-and-sessions.md.
"""
