"""What is so, computed once and shared by all rules: facts of a Dockerfile and of what stands beside it.

A fact says what was found and where, never whether it is good. Nothing here is printed, and nothing fails on
what a team has written: what cannot be read is absent.
"""
