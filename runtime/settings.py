"""Every setting of the platform, read from the environment (and `.env` in the project's folder)."""

from functools import lru_cache
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.paths import PROJECT


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_file=PROJECT / ".env", extra="ignore", frozen=True, env_ignore_empty=True)

    environment: Literal["development", "test", "production"] = Field(
        "development", description="`production` refuses unsafe defaults at start."
    )
    data_dir: Path = Field(
        PROJECT / ".opsgraph", description="Folder of embedded servers, generated keys and local mail."
    )
    public_url: str = Field("http://127.0.0.1:8000", description="Base of links in mails, and the tokens' issuer.")

    database_url: str = Field(
        "",
        description="PostgreSQL 16 or newer, in UTF-8, for requests and jobs, with libpq's parameters "
        "(`?sslmode=require`); its login must be a member of `opsgraph_app` and `opsgraph_system`.",
    )
    database_read_url: str = Field(
        "", description="A replica for reads, whose answers are as old as it lags; `DATABASE_URL` when empty."
    )
    database_owner_url: str = Field(
        "",
        description="The login that migrates: it owns the tables, is not needed at run time, and installs the trusted "
        "extensions `pg_trgm` and `btree_gin`; `DATABASE_URL` when empty.",
    )
    database_pool_size: int = Field(
        10, ge=1, le=200, description="Write connections per process; half as many more for sign-in, relay and sweeps."
    )
    database_read_pool_size: int = Field(12, ge=1, le=200, description="Read connections per process.")
    database_transaction_pooler: bool = Field(
        False, description="Set behind PgBouncer in transaction mode: reads set the tenant per transaction."
    )
    statement_timeout_ms: int = Field(10_000, ge=100, description="Longest statement of a request.")
    redis_url: str = Field("", description="Redis or Valkey, for jobs, wake-ups, rate limits and persisted queries.")

    secret_key: SecretStr = Field(
        SecretStr(""), description="Signs the cursors of events; generated into `DATA_DIR` in development."
    )
    jwt_private_key: SecretStr = Field(
        SecretStr(""),
        description="Ed25519 keys in PEM that sign tokens, newest first; generated into `DATA_DIR` in development.",
    )
    encryption_keys: SecretStr = Field(
        SecretStr(""),
        description="32-byte keys in base64url, the newest first, separated by commas: they encrypt the keys that sign "
        "certificates; generated into `DATA_DIR` in development.",
    )
    files_url: str = Field(
        "",
        description="Where files are: a folder as `file:///path`, or a bucket as `s3://bucket/prefix` with the usual "
        "`AWS_…` variables; the folder `files` in `DATA_DIR` when empty.",
    )
    smtp_url: str = Field("", description="`smtp://user:password@host:port`; mail lands in `DATA_DIR` when empty.")
    mail_from: str = Field("Opsgraph <no-reply@localhost>", description="Sender of mails.")

    default_page_size: int = Field(20, ge=1, description="Rows of a connection without `first` or `last`.")
    max_page_size: int = Field(100, ge=1, description="Largest `first` or `last`.")
    max_body_bytes: int = Field(1_000_000, ge=1_000, description="Largest request body or socket message.")
    request_timeout_seconds: float = Field(30.0, gt=0, description="Longest wait for a request's body.")
    cors_origins: str = Field("", description="Origins whose pages may call the API, separated by commas; `*` for any.")
    operations: Literal["open", "trusted"] = Field(
        "open", description="`trusted` runs only operations registered with `operations push`."
    )
    persisted_queries: bool = Field(True, description="Automatic persisted queries, while operations are open.")
    persisted_query_seconds: int = Field(86_400, ge=60, description="An unused automatic one is forgotten after this.")
    batch_size: int = Field(
        0, ge=0, le=100, description="Operations that one request may hold, as a JSON array; 0 switches batches off."
    )
    rate_limit_factor: float = Field(1.0, ge=0, description="Multiplies the plans' budgets; 0 means no rate limits.")
    cost_in_answers: bool = Field(
        True, description="Every answer but those to GET tells its cost; otherwise the header `x-cost: 1` asks for it."
    )
    slow_operation_ms: int = Field(1_000, ge=1, description="Operations that take longer are logged.")
    tracing: bool = Field(False, description="OpenTelemetry spans; needs the extra `otel` and OTEL_… variables.")
    socket_init_seconds: float = Field(10.0, gt=0, description="Longest wait for a socket's connection_init.")
    socket_send_seconds: float = Field(
        30.0, gt=0, description="A socket or stream whose client reads nothing this long is dropped."
    )
    socket_operations: int = Field(100, ge=1, description="Operations that may run at once on one socket.")
    compress_above_bytes: int = Field(
        1024, ge=0, description="Answers larger than this are compressed when the client takes it; 0: none."
    )
    graphiql: bool = Field(True, description="Serve GraphiQL, the page to try operations, to browsers at /graphql.")
    stream_keepalive_seconds: float = Field(
        15.0, gt=0, description="An event stream that is silent this long gets a comment, so that proxies keep it."
    )
    live_page: bool = Field(
        True, description="Serve the page that shows presence, feed and events as they come at /live."
    )
    presence_idle_seconds: float = Field(
        60.0, gt=0, description="Who was active and is silent this long counts as idle."
    )
    presence_offline_seconds: float = Field(150.0, gt=0, description="Who is silent this long counts as offline.")
    presence_sweep_seconds: float = Field(5.0, gt=0, description="How often a worker looks who has gone silent.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        "INFO", description="Least severe log line that is written."
    )

    @field_validator("jwt_private_key", mode="after")
    @classmethod
    def _unescape(cls, value: SecretStr) -> SecretStr:
        """Environments that hold no line breaks carry PEM with `\\n` written out."""
        return SecretStr(value.get_secret_value().replace("\\n", "\n"))

    @model_validator(mode="after")
    def _pages_fit(self) -> Self:
        if self.default_page_size > self.max_page_size:
            raise ValueError("default_page_size is larger than max_page_size")
        return self

    @model_validator(mode="after")
    def _silence_grows(self) -> Self:
        if self.presence_idle_seconds > self.presence_offline_seconds:
            raise ValueError("presence_idle_seconds is larger than presence_offline_seconds")
        return self


@lru_cache
def settings() -> Settings:
    """The process's settings, complete: from the environment, from a running `opsgraph up` (its servers), and
    with generated development keys. Raises ValueError (one sentence) when something is unusable."""
    from runtime.running import with_running_servers
    from runtime.secrets import ensure_secrets

    return ensure_secrets(with_running_servers(Settings()))
