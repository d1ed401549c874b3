"""Ids: 80 bits as 16 letters and digits, random or derived from texts."""

import base64
import hashlib
import secrets


def new_id(prefix: str = "") -> str:
    """Return a new id such as `job_2c5k7q0xv4m1w8ze`."""
    return prefix + _text(secrets.token_bytes(10))


def derived_id(prefix: str, *words: str) -> str:
    """Return an id that is always the same for the same texts, so that a repeated action creates a thing once."""
    joined = "\0".join(words).encode("utf-8", "surrogatepass")
    return prefix + _text(hashlib.sha256(joined).digest()[:10])


def _text(data: bytes) -> str:
    return base64.b32hexencode(data).decode().lower()


def attempt_id(first: str, number: int) -> str:
    """Return the id of an attempt, from 2, of the sequence that the run `first` began."""
    return derived_id("run_", first, f"attempt {number}")
