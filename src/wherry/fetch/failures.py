"""How a transfer can fail, by what the code that asked for it may do about it."""

from __future__ import annotations

from wherry.errors import WorldError


class TransientError(WorldError):
    """A failure that may pass: worth another attempt."""

    wait_s: float | None = None  # as the server asked in Retry-After


class NotFoundError(WorldError):
    """The server has no such document: 404 or 410."""


class WrongBytesError(WorldError):
    """The server has other bytes than promised."""


class CancelledError(WorldError):
    """Another transfer failed, so this one was given up."""
