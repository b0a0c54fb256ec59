"""Hashing and checking passwords, in threads of their own: argon2 takes tens of milliseconds of a core."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TypeVar

import bcrypt
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from domain.errors import ErrorCode, refuse
from domain.identity.rules import passwords as rules

T = TypeVar("T")

HASHER = PasswordHasher(
    time_cost=rules.ARGON2_ITERATIONS,
    memory_cost=rules.ARGON2_MEMORY_KIB,
    parallelism=rules.ARGON2_PARALLELISM,
)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    # No more than the cores: each hash takes 19 MiB, and more at once would only make all of them slower.
    return ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="passwords")


async def _in_thread(function: Callable[..., T], *args: object) -> T:
    return await asyncio.get_running_loop().run_in_executor(_threads(), function, *args)


@lru_cache(maxsize=1)
def _dummy_hash() -> str:
    """A hash that no password has, to spend on unknown accounts the time that known ones take."""
    return HASHER.hash(os.urandom(16).hex())


def _verify(password_hash: str | None, password: str) -> bool:
    try:
        if password_hash is None:
            HASHER.verify(_dummy_hash(), password)
            return False
        if rules.is_bcrypt(password_hash):
            # bcrypt reads 72 bytes and the library refuses more; the imported hashes were made of those 72.
            return bcrypt.checkpw(password.encode()[:72], password_hash.encode())
        return HASHER.verify(password_hash, password)
    except (VerificationError, InvalidHashError, ValueError):
        return False


async def hash_password(password: str) -> str:
    return await _in_thread(HASHER.hash, password)


async def verify(password_hash: str | None, password: str) -> bool:
    """Whether the password is right; takes its time also without a hash (an unknown account)."""
    if len(password) > rules.MAX_LENGTH:
        password = ""  # no such password was ever accepted
    return await _in_thread(_verify, password_hash, password)


def outdated(password_hash: str) -> bool:
    """Whether to hash again at the next sign-in: an imported bcrypt, or older argon2 parameters."""
    return rules.is_bcrypt(password_hash) or HASHER.check_needs_rehash(password_hash)


async def check_strength(password: str, personal: list[str], *path: str) -> None:
    """Raises UserErrors that says why the password is too weak."""
    if reason := await _in_thread(rules.weakness, password, personal):
        raise refuse(ErrorCode.TOO_WEAK, reason, *path)
