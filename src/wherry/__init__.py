"""Small, reproducible container images for machine learning, straight from a Python project and its lock."""

__version__ = "0.1.0"
