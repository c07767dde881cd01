"""What lies underneath an image: Debian packages verified from signed metadata, or an OCI image on disk."""
