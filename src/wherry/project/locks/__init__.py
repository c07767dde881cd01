"""Lock files of every tool, read into one model of packages with hashed files."""
