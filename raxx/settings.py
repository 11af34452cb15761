"""Every setting, from the environment, from top to bottom. `.env.example` explains the variables."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from raxx import env, live, logs, mail_server, production, roles, telemetry, valkey
from raxx.folder import DataFolder
from raxx.metrics import place

BASE_DIR = Path(__file__).resolve().parent.parent
env.load_file(BASE_DIR / ".env")

# --- Which installation this is -------------------------------------------------------------------

ENVIRONMENT = env.choice("RAXX_ENV", ("development", "production"), "development")
IS_PRODUCTION = ENVIRONMENT == "production"
DEBUG = env.optional("RAXX_DEBUG", bool, default=False)
DATA_FOLDER = DataFolder((BASE_DIR / env.optional("RAXX_DATA_DIR", str, ".raxx")).resolve())
DATABASE_URL = env.optional("DATABASE_URL", env.Url, env.Url(""))
VALKEY_URL = env.optional("VALKEY_URL", env.Url, env.Url(""))

_given_key = env.optional("RAXX_SECRET_KEY", str, "") or None
# Where `up` is reached, or was last; a passkey works on the name, not on 127.0.0.1.
_local_origins = env.Origins(
    DATA_FOLDER.origins().split(",") if DATA_FOLDER.origins() else ["http://localhost:8000"]
)
ORIGINS = env.optional("RAXX_ORIGINS", env.Origins, env.Origins() if IS_PRODUCTION else _local_origins)
ALLOWED_HOSTS = env.optional(
    "RAXX_ALLOWED_HOSTS", list, [host for host in (urlsplit(origin).hostname for origin in ORIGINS) if host]
)
_smtp_url = env.optional("RAXX_SMTP_URL", env.Url, env.Url(""))
HAS_BUDGETS = env.choice("RAXX_BUDGETS", ("on", "off"), "on") == "on"
TRUSTED_PROXIES = env.optional("RAXX_TRUSTED_PROXIES", env.Networks, env.Networks())
# The audit log's anchors, and the key that signs them: outside the database, whose owner they watch.
_audit_key = env.optional("RAXX_AUDIT_KEY", str, "")
_audit_anchors = env.optional("RAXX_AUDIT_ANCHORS", str, "")
AUDIT_KEY = BASE_DIR / _audit_key if _audit_key else DATA_FOLDER.root / "secrets" / "audit_key.pem"
AUDIT_KEY_MAY_BE_MADE = not IS_PRODUCTION
AUDIT_ANCHORS = BASE_DIR / _audit_anchors if _audit_anchors else DATA_FOLDER.root / "anchors"
# The archives that people asked for: for a day, in a folder that web and worker share.
_exports = env.optional("RAXX_EXPORTS", str, "")
EXPORTS = BASE_DIR / _exports if _exports else DATA_FOLDER.root / "exports"
if IS_PRODUCTION:
    production.refuse(
        production.refusals(
            debug=DEBUG,
            secret_key=_given_key,
            origins=ORIGINS,
            hosts=ALLOWED_HOSTS,
            is_embedded=not (DATABASE_URL and VALKEY_URL),
            has_budgets=HAS_BUDGETS,
            has_mail=bool(_smtp_url),
            has_anchors=bool(_audit_key and _audit_anchors),
        )
    )
SECRET_KEY = (
    env.required("RAXX_SECRET_KEY", str) if IS_PRODUCTION else _given_key or DATA_FOLDER.secret("secret_key")
)

# Where metrics are served to Prometheus; None: nowhere. Set before anything counts: see raxx.metrics.place.
METRICS = place.address_of(env.optional("RAXX_METRICS", str, ""))
METRICS_FOLDER = DATA_FOLDER.root / "metrics"
if METRICS is not None:
    place.use(METRICS_FOLDER)

# How long a matcher may be silent before another may take its shard.
LEASE = timedelta(seconds=env.at_least("RAXX_LEASE_S", 2, 10))

# --- Apps and middleware --------------------------------------------------------------------------

INSTALLED_APPS = [
    "raxx",
    "broker_handoff",
    "trading",
    "matching",
    "accounts",
    "rest_framework",
    "drf_spectacular_sidecar",  # the files of the viewer at /docs
    "django_htmx",  # brings htmx's own file
    "guardian",
    "django_otp",
    "django_otp_webauthn",
    "raxx.admin_app.StaffAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]

# The first answers the API's own paths and spares them what only a browser needs.
MIDDLEWARE = [
    "raxx.middleware.ApiMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "raxx.headers.PageHeadersMiddleware",
    "raxx.compression.CompressPages",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "accounts.middleware.PersonSessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "raxx.urls"
WSGI_APPLICATION = "raxx.wsgi.application"
ASGI_APPLICATION = "raxx.asgi.application"
APPEND_SLASH = False  # an API answers 404, never a redirect
FILE_UPLOAD_HANDLERS = ["raxx.uploads.RefuseFiles"]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- Databases ------------------------------------------------------------------------------------

# In production no password follows from anything: who holds the key holds the key, and no log-in.
_key_of_passwords = None if IS_PRODUCTION else SECRET_KEY
DATABASE_SERVER = (
    roles.real_server(DATABASE_URL, _key_of_passwords)
    if DATABASE_URL
    else roles.embedded_server(DATA_FOLDER, SECRET_KEY)
)
roles.refuse_another_login(DATABASE_SERVER, is_production=IS_PRODUCTION)
# The admin reads as a role of its own, and names this alias where it does; nothing else uses it.
SUPPORT_DATABASE_URL = env.optional("RAXX_SUPPORT_DATABASE_URL", env.Url, env.Url(""))
_support_server = (
    roles.real_server(SUPPORT_DATABASE_URL, _key_of_passwords) if SUPPORT_DATABASE_URL else DATABASE_SERVER
)
roles.refuse_another_support(_support_server, is_production=IS_PRODUCTION)
DATABASES = {
    "default": DATABASE_SERVER.django_settings(roles.current_role()),
    "support": {
        **_support_server.django_settings(roles.SUPPORT),
        "CONN_MAX_AGE": 60,  # few threads ever need one
        "TEST": {"MIRROR": "default"},  # the same database, by this role's own log-in
    },
}
DATABASE_ROUTERS = ["accounts.routing.ReadingRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# redis-py's and Celery's words for the same server; the hot path keeps one client of its own.
REDIS_URL = valkey.client_url(VALKEY_URL, DATA_FOLDER)
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "raxx:cache",
        # The library's default of 5 s would make a stalled cache hang every request.
        "OPTIONS": {"socket_timeout": 0.2, "socket_connect_timeout": 0.2},
    },
    # Its timeouts are its own, for they decide how long a refusal takes.
    "budgets": {
        "BACKEND": "accounts.budget_cache.CountingCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "raxx:budget",
    },
}

CELERY_BROKER_URL = valkey.broker_url(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": "raxx:celery:",
    # Who has committed and then rings a bell waits no longer than this for a queue that is there and stalls. The
    # retries are those of opening a channel, which is tried for ever otherwise; a worker's own go by other settings.
    "socket_timeout": 2.0,
    "socket_connect_timeout": 2.0,
    "max_retries": 0,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.2}  # of sweeps: the next one comes
CELERY_TASK_ACKS_LATE = True  # a task may run twice and may not be lost
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_FOLDER.root / "celerybeat-schedule")

# --- People ---------------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "django_otp_webauthn.backends.WebAuthnBackend",
    "accounts.backends.PermissionsOnlyBackend",
    "guardian.backends.ObjectPermissionBackend",
]
ANONYMOUS_USER_NAME = None  # guardian: no phantom user row
SESSION_ENGINE = "accounts.session_engine"
# With this prefix a browser takes the cookie over https alone, for this host alone.
SESSION_COOKIE_NAME = "__Host-raxx_session" if IS_PRODUCTION else "raxx_session"
CSRF_COOKIE_NAME = "__Host-raxx_csrf" if IS_PRODUCTION else "raxx_csrf"
MESSAGE_STORAGE = "django.contrib.messages.storage.cookie.CookieStorage"  # a session keeps nothing
LOGIN_URL = "/log-in"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_PRODUCTION
CSRF_TRUSTED_ORIGINS = ORIGINS
CSRF_FAILURE_VIEW = "raxx.errors.forged"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_PRODUCTION else None
SECURE_HSTS_SECONDS = 31_536_000 if IS_PRODUCTION else 0
X_FRAME_OPTIONS = "DENY"

# A passkey belongs to one registrable domain for ever: the first origin's host. A browser knows
# no passkeys at a bare address.
OTP_WEBAUTHN_RP_ID = urlsplit(ORIGINS[0]).hostname
OTP_WEBAUTHN_RP_NAME = "Raxx"
OTP_WEBAUTHN_ALLOWED_ORIGINS = [
    origin for origin in ORIGINS if not urlsplit(origin).netloc.startswith("127.")
]
OTP_WEBAUTHN_TIMEOUT_SECONDS = 120
OTP_WEBAUTHN_HELPER_CLASS = "accounts.passkeys.helper.PasskeyHelper"
OTP_WEBAUTHN_EXCEPTION_LOGGER_NAME = ""  # accounts.passkeys.proof logs, and answers

# Links and words about a person's access. Without a server they are printed where the process prints.
MAIL_SERVER = mail_server.read(_smtp_url)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if MAIL_SERVER else 'console'}.EmailBackend"
EMAIL_HOST, EMAIL_PORT = MAIL_SERVER.host, MAIL_SERVER.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = MAIL_SERVER.user, MAIL_SERVER.secret
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL_SERVER.starts_tls, MAIL_SERVER.is_tls
EMAIL_TIMEOUT = 10  # seconds; somebody waits
DEFAULT_FROM_EMAIL = env.optional("RAXX_MAIL_FROM", str, f"Raxx <raxx@{OTP_WEBAUTHN_RP_ID}>")

# How often whom may ask is `accounts.tiers` and `accounts.throttling`; django-ratelimit counts.
RATELIMIT_ENABLE = HAS_BUDGETS
RATELIMIT_USE_CACHE = "budgets"
RATELIMIT_CACHE_PREFIX = ""  # the cache has one

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "raxx.errors.exception_handler",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "DEFAULT_SCHEMA_CLASS": "trading.api.schema.auto.TableSchema",
}

# The document at /openapi.json: its words are trading.api.schema's.
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Raxx",
    "VERSION": "1",
    "PREPROCESSING_HOOKS": ["trading.api.schema.auto.documented_paths"],
    "POSTPROCESSING_HOOKS": ["trading.api.schema.auto.complete", "raxx.docs.add_health"],
}

# --- Money ----------------------------------------------------------------------------------------

# A year's interest on cash that is owed on margin: trading.services.interest.
MARGIN_INTEREST = env.fraction("RAXX_MARGIN_INTEREST", Decimal(0))

# --- Live: the way out to a broker ----------------------------------------------------------------

LIVE_IS_ON = env.choice("RAXX_LIVE", ("on", "off"), "off") == "on"
BROKER_AUTHORIZE_URL = env.optional("RAXX_BROKER_AUTHORIZE_URL", env.Url, env.Url(""))
BROKER_TOKEN_URL = env.optional("RAXX_BROKER_TOKEN_URL", env.Url, env.Url(""))
BROKER_REVOKE_URL = env.optional("RAXX_BROKER_REVOKE_URL", env.Url, env.Url(""))
BROKER_API_URL = env.optional("RAXX_BROKER_API_URL", env.Url, env.Url(""))
BROKER_CLIENT_ID = env.optional("RAXX_BROKER_CLIENT_ID", str, "")
BROKER_CLIENT_SECRET = env.optional("RAXX_BROKER_CLIENT_SECRET", str, "")
KMS = env.choice("RAXX_KMS", ("local", "aws"), "local")
KMS_KEY = env.optional("RAXX_KMS_KEY", str, "")
# Whose months count for the gate, and how many in a row: broker_handoff.gate.
GATE_FEEDS = env.optional("RAXX_GATE_FEEDS", list, ["alpaca"])
GATE_MONTHS = env.at_least("RAXX_GATE_MONTHS", 1, 3)
# What guards every live order beyond the person's own limits: broker_handoff.services.guarding.
LIVE_FEEDS = env.optional("RAXX_LIVE_FEEDS", list, ["alpaca"])
LIVE_NOTIONAL_MAX = env.optional("RAXX_LIVE_NOTIONAL_MAX", Decimal, Decimal(25_000))
LIVE_DAY_NOTIONAL_MAX = env.optional("RAXX_LIVE_DAY_NOTIONAL_MAX", Decimal, Decimal(100_000))
LIVE_OPEN_ORDERS_MAX = env.at_least("RAXX_LIVE_OPEN_ORDERS_MAX", 1, 50)
LIVE_PRICE_DISTANCE_MAX_BPS = env.at_least("RAXX_LIVE_PRICE_DISTANCE_MAX_BPS", 1, 1_000)
if LIVE_IS_ON:
    live.refuse_incomplete(
        authorize_url=BROKER_AUTHORIZE_URL,
        token_url=BROKER_TOKEN_URL,
        revoke_url=BROKER_REVOKE_URL,
        api_url=BROKER_API_URL,
        client_id=BROKER_CLIENT_ID,
        client_secret=BROKER_CLIENT_SECRET,
        kms=KMS,
        kms_key=KMS_KEY,
        feeds=LIVE_FEEDS,
        gate_feeds=GATE_FEEDS,
        is_production=IS_PRODUCTION,
    )
# The operator's own paper account at a broker, to which accounts are mirrored: broker_handoff.shadow.
SHADOW_URL = env.optional("RAXX_SHADOW_URL", env.Url, env.Url(live.PAPER_URL))
SHADOW_KEY_ID = env.optional("RAXX_SHADOW_KEY_ID", str, "")
SHADOW_SECRET = env.optional("RAXX_SHADOW_SECRET", str, "")
live.refuse_live_shadow(
    url=SHADOW_URL,
    key_id=SHADOW_KEY_ID,
    secret=SHADOW_SECRET,
    api_url=BROKER_API_URL,
    is_production=IS_PRODUCTION,
)

# --- Time, language, files, logs ------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
LANGUAGES = [("en", "English")]
FORMAT_MODULE_PATH = "raxx.formats"  # 2026-11-23 19:51:00 UTC
USE_I18N = True  # the pages' texts can be translated; there is one language so far

STATIC_URL = "/static/"
# The charts' script, from its package's folder; the package itself draws in a window of its own, and is never imported.
STATICFILES_DIRS = [
    ("charts", str(Path(place) / "js"))
    for place in getattr(find_spec("lightweight_charts"), "submodule_search_locations", None) or ()
]
WHITENOISE_USE_FINDERS = True  # the packages' files are served from where they are installed

LOGGING = logs.config(roles.current_process())
telemetry.is_wanted()  # says now what is missing
