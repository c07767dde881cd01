"""One input, one layer: wheels, Debian packages and source trees as tars that are the same on every machine.

How an input becomes members is in `wheel`, `deb_tree` and `tree_layer`; how members become bytes in `tar`,
`codec` and `writer`; `pool` makes many layers at once. Input is verified while it is read, memory is bounded,
and a layer writes only below its own prefix.
"""
