"""Who we are at a registry."""

from __future__ import annotations


class Keychain:
    """The names and passwords known on this host."""
