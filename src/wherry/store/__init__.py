"""The local store: content-addressed blobs, small indexes, tags, locks and garbage collection.

Several processes may use it at once; a kill at any instant leaves it whole: a blob is there entirely or not
at all. What there is to know of disks is here too (`disk`, `whole`). It never touches the network.
"""
