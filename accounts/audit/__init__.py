"""Proof that the audit log is whole: its hashes computed anew, and the anchors that stand outside the database."""
