"""One module per command: arguments in, exit code out. Only here are prints, colours and progress bars."""
