"""Django's settings. What differs between machines comes from ``config/env.py``; the rest is the same everywhere."""

from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config import env
from config.brokers import broker_settings
from config.queues import QUEUES
from config.schedules import SCHEDULES

BASE_DIR = env.ROOT

SECRET_KEY = env.SECRET_KEY
DEBUG = env.DEBUG
ALLOWED_HOSTS = env.ALLOWED_HOSTS
SITE_URL = env.SITE_URL
CSRF_TRUSTED_ORIGINS = [env.SITE_URL]

INSTALLED_APPS = [
    "jobs",
    "shop.accounts",
    "shop.catalog",
    "shop.orders",
    "media_pipeline",
    "reports",
    "web.apps.WebConfig",
    "web.apps.BackroomAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.humanize",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "csp",
    "django_htmx",
    "django_celery_beat",
    "django_celery_results",
    "storages",
]

MIDDLEWARE = [
    "jobs.middleware.TraceMiddleware",
    "jobs.problems.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "django.template.context_processors.i18n",
                "web.context_processors.shell",
            ],
        },
    }
]

# --- people ----------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend", "shop.accounts.backends.RoleBackend"]
LOGIN_URL = "web:sign_in"
LOGIN_REDIRECT_URL = "web:home"
LOGOUT_REDIRECT_URL = "web:sign_in"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]

# --- language and time -----------------------------------------------------------------------------------------------
LANGUAGE_CODE = "vi"
LANGUAGES = [("vi", _("Vietnamese")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "web" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "Asia/Ho_Chi_Minh"
USE_THOUSAND_SEPARATOR = True
FORMAT_MODULE_PATH = ["web.formats"]

# --- database --------------------------------------------------------------------------------------------------------


def _database(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise ImproperlyConfigured("DATABASE_URL must begin with postgresql://; Backroom runs on PostgreSQL only.")
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")) or "backroom",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or options.pop("host", "")),
        "PORT": str(parts.port or ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {
            "connect_timeout": 5,
            "application_name": "backroom",
            # Only what asks for it is prepared (jobs/db.py): Django's default, None, would forbid that as well.
            "prepare_threshold": 1_000_000_000,
            **options,
        },
    }


DATABASES = {"default": _database(env.DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- files -----------------------------------------------------------------------------------------------------------


def _storage(url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    options = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    if parts.scheme == "file":
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": parts.path, "base_url": None},
        }
    if parts.scheme == "s3":
        from boto3.s3.transfer import TransferConfig  # noqa: PLC0415 (large, and few processes need it)
        from botocore.config import Config  # noqa: PLC0415

        return {
            "BACKEND": "storages.backends.s3.S3Storage",
            "OPTIONS": {
                "bucket_name": parts.netloc,
                "endpoint_url": options.get("endpoint"),
                "region_name": options.get("region"),
                # A store that hangs is given up after about a minute (the client's own figures: after five), so that a
                # job hears of its cancellation, and ends, long before its limit. Sending a piece falls under the first.
                "client_config": Config(
                    s3={"addressing_style": options.get("addressing", "path")},
                    signature_version="s3v4",
                    connect_timeout=10,
                    read_timeout=20,
                    retries={"mode": "standard", "total_max_attempts": 3},
                ),
                "transfer_config": TransferConfig(num_download_attempts=2),
                "file_overwrite": True,
                # Bytes of a file that is read which stay in memory; the rest lies on the disk.
                "max_memory_size": 8 * 1024 * 1024,
                # Whether people's browsers may fetch files from the store itself, by signed links.
                "querystring_auth": options.get("links", "yes") != "no",
                "querystring_expire": 300,
            },
        }
    raise ImproperlyConfigured("STORAGE_URL must begin with file:// or s3://.")


STORAGES = {
    "default": _storage(env.STORAGE_URL),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if env.REPORT_COMPRESSION not in {"isal", "zlib"}:
    raise ImproperlyConfigured("REPORT_COMPRESSION must be isal or zlib.")
REPORT_COMPRESSION: Any = env.REPORT_COMPRESSION
UPLOAD_FOLDER = env.UPLOAD_FOLDER
UPLOAD_MOST_BYTES = env.UPLOAD_MOST_BYTES
UPLOAD_QUOTA_BYTES = env.UPLOAD_QUOTA_BYTES
UPLOADS_AT_ONCE = env.UPLOADS_AT_ONCE
MEDIA_WORK_FOLDER = env.MEDIA_WORK_FOLDER
FFMPEG, FFPROBE = env.FFMPEG, env.FFPROBE
STATIC_URL = "/static/"
STATIC_ROOT = env.VAR / "static"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_621_440

# --- mail ------------------------------------------------------------------------------------------------------------
_mail = urlsplit(env.EMAIL_URL)
EMAIL_HOST = _mail.hostname or "127.0.0.1"
EMAIL_PORT = _mail.port or (465 if _mail.scheme == "smtps" else 25)
EMAIL_HOST_USER = unquote(_mail.username or "")
EMAIL_HOST_PASSWORD = unquote(_mail.password or "")
EMAIL_USE_SSL = _mail.scheme == "smtps"
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.EMAIL_FROM

# --- jobs ------------------------------------------------------------------------------------------------------------
JOB_QUEUES = QUEUES
JOB_SCHEDULES = SCHEDULES
FLOWER_URL = env.FLOWER_URL
METRICS_TOKEN = env.METRICS_TOKEN

for _name, _value in broker_settings(env.CELERY_BROKER_URL).items():
    globals()[f"CELERY_{_name.upper()}"] = _value
CELERY_TASK_ROUTES = ["jobs.task.route"]
CELERY_TASK_SERIALIZER = CELERY_RESULT_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TIMEZONE = TIME_ZONE
CELERY_ENABLE_UTC = True
# The Job row is what people look at. Raw results in the admin are there for tasks that ask for them.
CELERY_RESULT_BACKEND = "django-db"
CELERY_RESULT_EXTENDED = True
CELERY_RESULT_EXPIRES = timedelta(days=3)
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TRACK_STARTED = False
CELERY_BEAT_SCHEDULER = "jobs.beat:RowScheduler"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_CONSUMER = "jobs.worker:Consumer"
CELERY_IMPORTS = ["jobs.worker"]  # what a worker's parent does for its children
# Celery's default is to connect anew for every task, which costs more than all the rest of a short job.
CELERY_DB_REUSE_MAX = 1_000_000_000

# --- safety ----------------------------------------------------------------------------------------------------------
SECURE_SSL_REDIRECT = env.HTTPS_ONLY
SECURE_REDIRECT_EXEMPT = [r"^healthz/", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if env.HTTPS_ONLY else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.HTTPS_ONLY
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = env.HTTPS_ONLY
SESSION_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "web.views.csrf_failure"
TRUST_PROXY = env.TRUST_PROXY
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.TRUST_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        # Players that put a stream together themselves hand it to the video element as a blob.
        "media-src": [SELF, "blob:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- logs ------------------------------------------------------------------------------------------------------------
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"trace": {"()": "jobs.logs.TraceFilter"}},
    "formatters": {
        "text": {"format": "%(asctime)s %(levelname)s %(name)s%(trace)s: %(message)s"},
        "json": {"()": "jobs.logs.JsonFormatter"},
    },
    "handlers": {
        "stderr": {
            "class": "logging.StreamHandler",
            "formatter": "json" if env.LOG_FORMAT == "json" else "text",
            "filters": ["trace"],
        }
    },
    "root": {"handlers": ["stderr"], "level": env.LOG_LEVEL},
    "loggers": {"django.server": {"level": "WARNING"}, "celery.app.trace": {"level": "WARNING"}},
}
