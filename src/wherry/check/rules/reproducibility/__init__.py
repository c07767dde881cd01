"""The same image again, tomorrow and elsewhere."""
