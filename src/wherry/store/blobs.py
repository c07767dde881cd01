"""Content-addressed files: ``blobs/sha256/<hex>``, there entirely or not at all."""

from __future__ import annotations
