"""One input, one deterministic layer: wheels, Debian packages, source trees, bytecode; tar and codec live here."""
