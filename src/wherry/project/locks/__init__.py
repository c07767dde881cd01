"""Lock files of every tool, read into one model of packages with hashed files. `read` is the way in.

A lock is seen to be fresh and whole before it is believed. Where it leaves open in which place a file lies,
the index is asked through uv, and the lock's hashes decide.
"""
