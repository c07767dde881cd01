"""Plans and build results as text for people and as JSON for programs. Pure: it prints nothing."""
