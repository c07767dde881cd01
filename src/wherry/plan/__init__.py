"""(Project, Lock, Base facts, Target, Policy) → Plan: which files, in which layers, with which settings, why.

Pure: no I/O, no clock, no environment. A plan can be printed, compared and tested.
"""
