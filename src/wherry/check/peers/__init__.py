"""Other linters, asked beside our rules: what they say joins the findings, each thing once.

hadolint and tally know shell and style; wherry leaves both to them. They are the user's own programs, run
with the user's own settings for them, over files that wherry has read already.
"""
