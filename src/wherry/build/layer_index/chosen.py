"""Which repositories are asked and which are told: what the command line says, else the project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from wherry.errors import InputError
from wherry.oci.reference import parse_repository, repository_of

if TYPE_CHECKING:
    from wherry.build.options import BuildOptions
    from wherry.oci.reference import RegistryReference
    from wherry.project.config import WherryConfig

NONE: Final = "none"


@dataclass(frozen=True, slots=True)
class Chosen:
    """The layer indexes of one build."""

    asked: RegistryReference | None = None
    told: RegistryReference | None = None
    is_online: bool = True  # else what *asked* told before is all there is


def choose_indexes(options: BuildOptions, config: WherryConfig, *, pushes: bool) -> Chosen:
    """The layer indexes that a build asks and tells.

    The project's is asked by every build, and told by those that push: a laptop writes nowhere by accident.

    Args:
        options: The command line.
        config: The project's.
        pushes: Whether the image goes to a registry.

    Raises:
        InputError: What the command line names is not a repository in a registry, or there is no network.

    """
    if options.offline:
        if options.cache_to and options.cache_to != NONE:
            raise InputError(
                "a layer index is told over the network, but --offline is set",
                where=f"--cache-to {options.cache_to}",
                mend="leave out one of the two",
            )
        return Chosen(_repository(options.cache_from or config.cache), is_online=False)
    told = options.cache_to or (config.cache if pushes else None)
    asked = options.cache_from or config.cache or told
    return Chosen(_repository(asked), _repository(told))


def name_of(reference: RegistryReference) -> str:
    """What an index is called, ``host/repository``: what it told is remembered under that."""
    return f"{reference.host}/{repository_of(reference)}"


def _repository(text: str | None) -> RegistryReference | None:
    return None if text is None or text == NONE else parse_repository(text)
