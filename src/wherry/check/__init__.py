"""Judge what a team has written: Dockerfiles and what stands beside them, and mend what can be mended.

`facts` are computed once and shared; a rule (`rules/<theme>/<one>.py`) sees facts and yields findings, and
never opens a file; `fix` applies edits and proves that they changed what they declared and nothing else.
"""
