"""Secrets that are shown once and kept as hashes.

They are 256 random bits, which nobody can guess: a plain SHA-256 of them can be kept.

Touches: the operating system's source of chance.
"""

import hmac
import secrets
from base64 import urlsafe_b64encode
from hashlib import sha256


def made() -> str:
    """A new secret, in letters that a URL and a cookie can carry."""
    return secrets.token_urlsafe(32)


def hashed(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def derived(secret: str, purpose: str) -> str:
    """Another secret that only whoever has the first can make, for one purpose: 43 letters."""
    mac = hmac.new(secret.encode("utf-8", "surrogatepass"), purpose.encode(), sha256).digest()
    return urlsafe_b64encode(mac).rstrip(b"=").decode()


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell."""
    return hmac.compare_digest(
        one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass")
    )
