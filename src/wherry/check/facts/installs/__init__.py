"""Every call of a package manager in a RUN: `Install`, its packages (`PackageArgument`) and its `Cache`.

Read `model.Install` for what is given. `run.installs` has those of one RUN, `stage.installs` of a stage, in
order, whatever they do: ask `install.action` or `install.brings_packages`.
"""

from wherry.check.facts.installs.caches import Cache
from wherry.check.facts.installs.model import Install
from wherry.check.facts.installs.packages import PackageArgument, normalise
from wherry.check.facts.installs.read import read_install

__all__ = ["Cache", "Install", "PackageArgument", "normalise", "read_install"]
