"""Docker's own file formats: for now ``.dockerignore`` with Moby's exact semantics."""
