"""What production refuses to start with, one sentence each."""

from urllib.parse import urlsplit

from runtime.sealing import parsed
from runtime.secrets import ENCRYPTION_KEY_FILE, JWT_KEY_FILE, SECRET_KEY_FILE
from runtime.settings import Settings


def production_problems(settings: Settings) -> list[str]:
    """What the settings alone show to be unsafe; empty outside production."""
    if settings.environment != "production":
        return []
    problems = [*_server_problems(settings), *_key_problems(settings)]
    if urlsplit(settings.public_url).scheme != "https":
        problems.append(f"PUBLIC_URL is {settings.public_url}; links and tokens need an https:// address.")
    if not settings.smtp_url:
        problems.append("SMTP_URL is not set, so nobody would get the mail that verifies an address.")
    if settings.mail_from.rstrip(">").endswith("@localhost"):
        problems.append("MAIL_FROM ends in @localhost; name a sender that mail servers accept.")
    return problems


def _server_problems(settings: Settings) -> list[str]:
    problems = []
    if not settings.database_url:
        problems.append("DATABASE_URL is not set; production does not run on the embedded PostgreSQL.")
    if not settings.redis_url:
        problems.append("REDIS_URL is not set; production does not run on the embedded Valkey.")
    return problems


def _key_problems(settings: Settings) -> list[str]:
    problems = []
    secret, key = settings.secret_key.get_secret_value(), settings.jwt_private_key.get_secret_value()
    if len(secret) < 32:
        problems.append("SECRET_KEY is missing or shorter than 32 characters.")
    elif _is_generated(settings, SECRET_KEY_FILE, secret):
        problems.append("SECRET_KEY is the one generated for development; make another.")
    if "PRIVATE KEY" not in key:
        problems.append("JWT_PRIVATE_KEY is missing or is not an Ed25519 private key in PEM form.")
    elif _is_generated(settings, JWT_KEY_FILE, key):
        problems.append("JWT_PRIVATE_KEY is the one generated for development; make another.")
    return [*problems, *_encryption_problems(settings)]


def _encryption_problems(settings: Settings) -> list[str]:
    given = settings.encryption_keys.get_secret_value()
    try:
        keys = parsed(given)
    except ValueError as error:
        return [str(error)]
    if not keys:
        return ["ENCRYPTION_KEYS is not set; give it 32 random bytes in base64url."]
    if _is_generated(settings, ENCRYPTION_KEY_FILE, given):
        return ["ENCRYPTION_KEYS is the one generated for development; make another."]
    return []


def _is_generated(settings: Settings, name: str, value: str) -> bool:
    path = settings.data_dir / name
    return path.is_file() and path.read_text().strip() == value.strip()


async def login_problems(settings: Settings) -> list[str]:
    """What the database says about the login of requests; empty outside production."""
    if settings.environment != "production":
        return []
    import asyncpg

    connection = await asyncpg.connect(settings.database_url, timeout=10)
    try:
        row = await connection.fetchrow(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = session_user"
        )
    finally:
        await connection.close()
    if row and (row["rolsuper"] or row["rolbypassrls"]):
        return [f"DATABASE_URL logs in as {row['rolname']}, which row-level security does not bind; use another."]
    return []
