"""Carry out a plan: gather what it is made from, make layers, assemble the image, deliver it; run an image.

`image` is the way in for building: `gather` reads everything and has it planned, `make_layers` makes what the
store lacks, `assemble` writes config and manifest, `deliver` hands the image over; `run` starts one. What an
image holds is decided in `wherry.plan`; here it only succeeds or fails.
"""
