"""What a browser's page asks before and about its session: plain paths of Django's, behind its CSRF check."""
