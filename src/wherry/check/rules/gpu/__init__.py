"""CUDA: bases, wheels, drivers, and who asks for a GPU."""
