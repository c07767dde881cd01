"""What lies underneath an image: Debian packages verified from signed metadata, or an image on this disk.

A base is facts, and pins in `wherry.lock` by version and hash, never by host; its bytes become layers in
`wherry.layers`. No maintainer script and no package manager is run.
"""
