"""What the team's machines worked out, in a repository of their registry: each finds there what others made.

An entry is one small OCI manifest under a tag made of its key; what it stands for (a layer, a segment) is a
blob of the same repository. `records` reads and writes entries and knows nothing of what they mean; `entries`
says what they are; `index` asks while a build is planned, `publish` tells after one is done, `names` lets
locks be read without the package index. `memory` keeps what was told under its teller's name; `segment_proof`
holds parts of layers to their wheels. A build never fails because of the index: it goes on without.
"""
