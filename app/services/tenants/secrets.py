"""Secrets of API keys: made once, stored as a hash."""

import hashlib
import secrets
from dataclasses import dataclass

_PREFIX = "sk_sluice_"
_SHOWN_CHARACTERS = len(_PREFIX) + 6


def hash_secret(secret: str) -> bytes:
    """SHA-256 suffices: the secret is 256 random bits, so a slow hash would not make guessing harder."""
    return hashlib.sha256(secret.encode()).digest()


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret, and what is stored of it."""

    text: str

    @classmethod
    def make(cls) -> "Secret":
        """A new secret of 256 random bits."""
        return cls(_PREFIX + secrets.token_urlsafe(32))

    @property
    def hash(self) -> bytes:
        """Its hash, by which a request is authenticated."""
        return hash_secret(self.text)

    @property
    def prefix(self) -> str:
        """Its first characters, by which people tell keys apart."""
        return self.text[:_SHOWN_CHARACTERS] if self.text.startswith(_PREFIX) else self.text[:4]
