"""A registry's client: pull, push, mount and resume, over HTTP as the distribution specification has it.

Nothing that a registry says is believed before its size and digest were checked, and no credential goes
to another origin than its own.
"""
