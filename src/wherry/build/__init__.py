"""Carry out a plan: fetch, make layers, assemble the image, deliver it; run an image."""
