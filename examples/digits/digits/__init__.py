"""Reads a handwritten digit from an 8x8 picture, over HTTP."""
