"""Sources on their way to becoming wheels: unpacked, checked out or copied, built apart, the result judged.

Nothing here writes into a user's tree, and nothing from an archive is written outside its own directory.
"""
