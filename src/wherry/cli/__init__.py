"""One module per command: arguments in, exit code out. Only here are prints, colours and progress bars.

`main` holds the table of commands and turns every failure into its three lines and its exit code. A command
imports what it calls when it is called, so that the start stays quick.
"""
