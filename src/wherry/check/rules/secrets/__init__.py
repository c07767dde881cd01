"""Keys, tokens and the environment."""
