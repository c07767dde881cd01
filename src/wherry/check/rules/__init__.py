"""One rule, one file, in a folder a theme: what a senior engineer would say in review.

A module's docstring is the rule's page, its examples are the rule's tests, and `RULE` is the rule. Rules see
facts and yield findings; they open no file. A module whose name begins with an underscore is shared by the
rules of its theme.
"""
