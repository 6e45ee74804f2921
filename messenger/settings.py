"""
All settings, from the environment. `.env.example` lists every variable with its meaning.

With nothing set but DEBUG or SECRET_KEY the project runs embedded: SQLite and an in-memory
channel layer in one process. DATABASE_URL and REDIS_URL alone make it the real one.
"""

import hashlib
import warnings
from datetime import timedelta
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from messenger import env

BASE_DIR = Path(__file__).resolve().parent.parent

# --- the process ----------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("Set SECRET_KEY (or DEBUG=on, on your own machine only).")
    SECRET_KEY = "for-development-only-" + "0" * 43

ALLOWED_HOSTS = env.items("ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
# Origins of browser pages other than our own that may open sockets, as scheme://host[:port].
ALLOWED_ORIGINS = env.items("ALLOWED_ORIGINS")
CSRF_TRUSTED_ORIGINS = ALLOWED_ORIGINS
# How many proxies stand in front: that many entries at the end of X-Forwarded-For are believed.
PROXIES = env.number("PROXIES", 0, low=0, high=10)
if PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "messenger",
    "accounts",
    "chats",
    "messaging",
    "presence",
    "moderation",
]
MIDDLEWARE = [
    # First, so that every answer has the headers, that of a static file too.
    "messenger.headers.Headers",
    "django.middleware.security.SecurityMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
ROOT_URLCONF = "messenger.urls"
ASGI_APPLICATION = "messenger.asgi.application"
# Both forms of every path are routed: a redirected POST would lose its body.
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
# The page uses the client as anybody's would.
STATICFILES_DIRS = [BASE_DIR / "static", ("client", BASE_DIR / "clients" / "javascript")]
WHITENOISE_USE_FINDERS = True
# Without `collectstatic` the files are found where they lie.
warnings.filterwarnings("ignore", message="No directory at", category=UserWarning)
# Russian for whoever names no other. What somebody chooses on a page is kept in a cookie.
LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", "Русский"), ("en", "English")]
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 31_536_000
LANGUAGE_COOKIE_HTTPONLY = True
LANGUAGE_COOKIE_SAMESITE = "Lax"
TIME_ZONE = "UTC"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- storage and the channel layer ----------------------------------------------------------

DATABASE_URL = env.text("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}")
DATABASES = {"default": env.database(DATABASE_URL)}
# Worker threads keep their connections themselves (messenger/realtime/threads.py); any other
# thread closes its own at once. Persistent connections under ASGI would exhaust PostgreSQL.
DATABASES["default"]["CONN_MAX_AGE"] = 0
# Threads with one database connection each: for reading and REST, and for batches of writes.
DB_READERS = env.number("DB_READERS", 6, low=1, high=100)
DB_WRITERS = env.number("DB_WRITERS", 3, low=1, high=20)

REDIS_URL = env.text("REDIS_URL")
# Before every key and channel, so that one Redis can serve several.
REDIS_PREFIX = env.text("REDIS_PREFIX", "messenger")
# The in-memory layer forgets groups after a day, and the hub joins its own only once.
MEMORY = {"capacity": 10_000, "group_expiry": 10**10}
CHANNEL_LAYERS: dict[str, dict] = {
    "default": (
        {
            "BACKEND": "messenger.realtime.layer.RedisLayer",
            "CONFIG": {
                "hosts": [
                    {
                        **host,
                        # redis-py 8 gives up on a silent subscription after 5 s unless told not to.
                        "socket_timeout": None,
                        "socket_connect_timeout": 5,
                        "health_check_interval": 30,
                    }
                    for host in env.redis_hosts(REDIS_URL)
                ],
                "prefix": REDIS_PREFIX,
            },
        }
        if REDIS_URL
        else {"BACKEND": "channels.layers.InMemoryChannelLayer", "CONFIG": MEMORY}
    )
}

# Days for which the log of what happened in chats is kept, by `manage.py prune`.
LOG_DAYS = env.number("LOG_DAYS", 30, low=1, high=36_500)

# Days for which what was seen of a case is kept after it was closed, by `manage.py prune`.
EVIDENCE_DAYS = env.number("EVIDENCE_DAYS", 180, low=1, high=36_500)

# Seconds: how long a connection counts without a sign of life of its process, and how long somebody
# who left may take to come back before others are told.
PRESENCE_LEASE = env.number("PRESENCE_LEASE_SECONDS", 15, low=2, high=300)
PRESENCE_GRACE = env.number("PRESENCE_GRACE_SECONDS", 3, low=0, high=60)
# Seconds: how long a heartbeat over REST counts, and after how long without a word on a socket
# nobody is thought to be looking at it.
PRESENCE_HEARTBEAT = env.number("PRESENCE_HEARTBEAT_SECONDS", 300, low=5, high=3600)
PRESENCE_IDLE = env.number("PRESENCE_IDLE_SECONDS", 600, low=5, high=86_400)

# --- accounts -------------------------------------------------------------------------------

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["accounts.backends.LoginBackend"]
PASSWORD_HASHERS = [
    "accounts.hashers.Argon2idHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
# Tokens are signed with a key of their own, so that neither key's leak is the other's.
JWT_KEY = env.text("JWT_KEY") or hashlib.sha256(b"jwt:" + SECRET_KEY.encode()).hexdigest()
ACCESS_TOKEN_LIFE = timedelta(minutes=env.number("ACCESS_TOKEN_MINUTES", 15, low=1, high=60))
REFRESH_TOKEN_LIFE = timedelta(days=env.number("REFRESH_TOKEN_DAYS", 30, low=1, high=365))
# Seconds after a refresh token was exchanged in which it may come again, from a client's other tab
# say, without counting as stolen. It is refused in any case.
REFRESH_LEEWAY = timedelta(seconds=env.number("REFRESH_LEEWAY_SECONDS", 0, low=0, high=60))
SIMPLE_JWT = {
    "ALGORITHM": "HS256",
    "SIGNING_KEY": JWT_KEY,
    "ACCESS_TOKEN_LIFETIME": ACCESS_TOKEN_LIFE,
    "REFRESH_TOKEN_LIFETIME": REFRESH_TOKEN_LIFE,
    "ISSUER": "messenger",
    # For clocks that differ between hosts: a token may have been made in our near future. Its end
    # is looked at again in accounts.tokens, to the second.
    "LEEWAY": 5,
}

# Where who is not signed in is sent. A page that has been left alone for two weeks asks again.
LOGIN_URL = "/sign-in"
SESSION_COOKIE_AGE = min(14 * 86_400, int(REFRESH_TOKEN_LIFE.total_seconds()))
# Whether anybody may come in as one of the demo people (accounts/demo.py), by one click.
DEMO = env.flag("DEMO", default=False)

# --- REST -----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["messenger.drf.TokenAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_PARSER_CLASSES": ["messenger.drf.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["messenger.drf.JSONRenderer"],
    "DEFAULT_THROTTLE_CLASSES": ["messenger.drf.Throttle"],
    "DEFAULT_SCHEMA_CLASS": "messenger.apidocs.openapi.Described",
    "EXCEPTION_HANDLER": "messenger.drf.exception_handler",
    "UNAUTHENTICATED_USER": None,
    # `?format=` would be a parameter of every path, and its other values a 404.
    "URL_FORMAT_OVERRIDE": None,
}
# What is said of each path is in messenger.apidocs.openapi.
SPECTACULAR_SETTINGS = {
    "OAS_VERSION": "3.1.0",
    "TITLE": "Messenger",
    "VERSION": "1.0.0",
    "DESCRIPTION": "One set of people, chats and messages, for every protocol below. Every path"
    " works with and without a slash at its end, and every error has the shape `Error`.",
    "SCHEMA_PATH_PREFIX": "",
    "SORT_OPERATIONS": False,
    "PREPROCESSING_HOOKS": ["messenger.apidocs.openapi.endpoints"],
    "POSTPROCESSING_HOOKS": ["messenger.apidocs.openapi.whole"],
}
# Bytes of a request body, and of one frame that a client sends.
MAX_BODY = 64 * 1024
MAX_FRAME = 64 * 1024
# Pages of the admin may send more than an API call: long forms with many rows.
MAX_FORM = DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

# --- limits ---------------------------------------------------------------------------------

RATE_LIMITS = env.flag("RATE_LIMITS", default=True)
MAX_SOCKETS_PER_USER = env.number("MAX_SOCKETS_PER_USER", 20, low=1, high=10_000)
# Bytes waiting for one socket: past the first, typing and presence are left out for it; past the
# second, it is closed with 4408 and resumes from the log.
SOCKET_BACKLOG_SOFT = 256 * 1024
SOCKET_BACKLOG_HARD = 1024 * 1024

# --- security headers -----------------------------------------------------------------------

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
# Forms and pages carry the token; no script of ours reads the cookie.
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "messenger.pages.errors.forged"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Browsers come by HTTPS, which a proxy in front of us speaks, and says so in X-Forwarded-Proto. Who
# comes without it is sent there; but /healthz and /readyz answer, because probes ask directly.
HTTPS = env.flag("HTTPS", default=False)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("HSTS_SUBDOMAINS", default=False)
SILENCED_SYSTEM_CHECKS = [
    # Whether every other host below our name speaks HTTPS, only its owner knows: HSTS_SUBDOMAINS.
    "security.W005",
    # A name on the browsers' preload list is off it months after one changes one's mind.
    "security.W021",
]

# --- logs: no tokens, passwords or texts of messages ever go in --------------------------------

LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "messenger.logs.Formatter",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"level": LOG_LEVEL},
        "django.request": {"level": "ERROR"},
        # Their lines at INFO name every connection and frame, with the query string.
        "daphne": {"level": "ERROR"},
        "uvicorn": {"level": "WARNING"},
        "websockets": {"level": "WARNING"},
    },
}
