"""Bytes that nobody needs, minutes that nobody must wait."""
