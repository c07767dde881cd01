"""Bytes from elsewhere into the store: parallel, resumed, hash-checked.

What is fetched is believed only by its hash. Credentials stay on the host and go to their own origin alone.
"""
