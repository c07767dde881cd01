"""Bytes from elsewhere into the store: parallel, resumed, hash-checked, with credentials that stay on the host."""
