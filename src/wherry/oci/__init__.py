"""Images as data: references, manifests and configs, and the layouts and archives they lie in.

Bytes are verified by size and digest before they are believed. It knows the formats and nothing of Python,
wheels or projects; it unpacks nothing and starts nothing.
"""
