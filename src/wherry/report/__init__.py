"""Plans and build results as text and JSON."""
