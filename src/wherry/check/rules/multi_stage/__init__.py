"""Stages: what is built where, and what ships."""
