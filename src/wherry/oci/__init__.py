"""OCI images as data: descriptors, manifests, configs, layouts, archives, references."""
