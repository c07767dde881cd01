"""What a change rebuilds, and what a cache keeps."""
