"""Model files and data: where they lie, how they come."""
