"""A built image beside its Dockerfile (``--image``): which instruction made which layer, and its bytes.

    facts.image                       `MeasuredImage`, or None
    image.layers                      every layer, base first: `MeasuredLayer`
    image.layer_of(instruction)       the layer that instruction made; None when it made none or none is known
    image.layers_of_base              those below the first instruction that is known
    image.is_matched                  the image was built from this Dockerfile, as far as its history tells

An instruction is known by its text in the image's history, never by its position: where the texts do not
agree nothing is said. `open_built` reads the image's documents; a layer is read when its unpacked size is
asked for.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from wherry.check.facts.expanding import expanded
from wherry.progress import SilentProgress
from wherry.regex import regex

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wherry.check.facts import Facts
    from wherry.dockerfile.syntax import Instruction
    from wherry.oci.image import Image, ImageSource
    from wherry.oci.model import Descriptor
    from wherry.progress import Progress
    from wherry.store.store import Store

_PIECE: Final = 1024 * 1024
_MOST: Final = 2000  # history lines and instructions that are compared
_MAKE_LAYERS: Final = frozenset({"run", "copy", "add", "workdir"})
_BLANKS: Final = regex(r"\s+")
_LEGACY: Final = regex(r"/bin/sh -c #\(nop\)\s+")
_BUILD_ARGS: Final = regex(r"\|\d+ ")
_SHELL: Final = regex(r"(?:/\S*/)?(?:ba|da|a|z|k)?sh(?: -\S+| pipefail){0,6}? -\w{0,5}c ?")
_HASHED: Final = regex(r"(?:--\S{0,200}?)?(?:file|dir|multi):[0-9a-f]{64} in ")
_ONLY_HEREDOC: Final = regex(r"<<-?\s*[\"']?\w+[\"']?")
_FLAGS: Final = regex(r"^(?:--\S+ )+")


@dataclass(frozen=True, slots=True)
class MeasuredLayer:
    """One layer of the image.

    Attributes:
        position: From 0, the base's first.
        compressed_bytes: What a pull transfers.
        created_by: Its line of the history.
        instruction: What made it; None where that is not known.

    """

    position: int
    compressed_bytes: int
    created_by: str
    instruction: Instruction | None
    _built: BuiltImage

    @property
    def size_bytes(self) -> int:
        """What it takes unpacked: its tar's length. Reads the layer the first time."""
        return self._built.unpacked_bytes(self.position)


class BuiltImage:
    """An image's documents, and its layers to be read.

    Args:
        name: As the user named it.
        source: Where its blobs are.
        image: Its documents.
        progress: Told of layers that are read.

    """

    def __init__(
        self, name: str, source: ImageSource, image: Image, progress: Progress | None = None
    ) -> None:
        self.name = name
        self.image = image
        self._source = source
        self._progress = progress or SilentProgress()
        self._unpacked: dict[int, int] = {}

    @property
    def layers(self) -> tuple[Descriptor, ...]:
        """Of the manifest, base first."""
        return self.image.manifest.layers

    @cached_property
    def history(self) -> tuple[tuple[str, bool], ...]:
        """Each line's ``created_by``, and whether it made a layer; whitespace is made one blank."""
        return tuple(
            (_BLANKS.sub(" ", str(line.get("created_by", ""))).strip(), line.get("empty_layer") is not True)
            for line in self.image.config.history
        )

    def unpacked_bytes(self, position: int) -> int:
        """The length of a layer's tar.

        Raises:
            InputError: The layer is damaged or not there.

        """
        if position not in self._unpacked:
            self._unpacked[position] = self._measure(self.layers[position])
        return self._unpacked[position]

    def _measure(self, layer: Descriptor) -> int:
        from wherry.oci.coding import decompressed  # noqa: PLC0415 - unpacking is seldom asked for
        from wherry.oci.image import VerifiedStream  # noqa: PLC0415 - the same
        from wherry.oci.media_types import layer_coding  # noqa: PLC0415 - the same

        coding = layer_coding(layer.media_type) or "tar"
        if coding == "tar":
            return layer.size_bytes
        count = 0
        with (
            self._progress.task(f"measuring {self.name}", None) as task,
            self._source.open(layer.digest) as stream,
        ):
            verified = VerifiedStream(stream, layer, self.name)
            tar = decompressed(verified, coding, f"{self.name}: {layer.digest}")
            while piece := tar.read(_PIECE):
                count += len(piece)
                task.advance(len(piece))
        return count


def open_built(name: str, store: Store | None = None, progress: Progress | None = None) -> BuiltImage:
    """The image that *name* means: a tag of the store, ``oci:DIR``, an archive.

    Of several platforms it is the one of this machine, else the first.

    Raises:
        InputError: There is no such image here, or it is none.

    """
    from wherry.oci.image import read_images  # noqa: PLC0415 - only with --image
    from wherry.oci.platform import Platform  # noqa: PLC0415 - the same
    from wherry.oci.sources import open_image  # noqa: PLC0415 - the same
    from wherry.store.store import Store as OpenStore  # noqa: PLC0415 - the same

    source, root = open_image(name, store or OpenStore.open())
    images = read_images(source, root)
    here = Platform.of_host()
    ours = [image for image in images if image.config.architecture == here.architecture]
    return BuiltImage(name, source, (ours or list(images))[0], progress)


class MeasuredImage:
    """An image, matched with the Dockerfile it may be of. What is given stands at the head of this module."""

    def __init__(self, built: BuiltImage, made: Mapping[int, Instruction]) -> None:
        self._built = built
        self.name = built.name
        lines = [text for text, makes_layer in built.history if makes_layer]
        has_lines = len(lines) == len(built.layers)
        self.layers = tuple(
            MeasuredLayer(
                at,
                layer.size_bytes,
                lines[at] if has_lines else "",
                made.get(at) if has_lines else None,
                built,
            )
            for at, layer in enumerate(built.layers)
        )
        self._by_index = {layer.instruction.index: layer for layer in self.layers if layer.instruction}

    @property
    def is_matched(self) -> bool:
        """Some layer is known to be made by an instruction of this Dockerfile."""
        return bool(self._by_index)

    @property
    def compressed_bytes(self) -> int:
        """What a pull transfers."""
        return sum(layer.compressed_bytes for layer in self.layers)

    @property
    def size_bytes(self) -> int:
        """What it takes unpacked. Reads every layer the first time."""
        return sum(layer.size_bytes for layer in self.layers)

    @property
    def user(self) -> str:
        """The user it starts as, by its own config."""
        config = self._built.image.config.config
        return config.user if config else ""

    @property
    def env(self) -> Mapping[str, str]:
        """Its environment, by its own config."""
        config = self._built.image.config.config
        return config.environment if config else {}

    @property
    def layers_of_base(self) -> tuple[MeasuredLayer, ...]:
        """The layers below the first that an instruction of this Dockerfile is known to have made."""
        first = min((layer.position for layer in self._by_index.values()), default=0)
        return self.layers[:first]

    def layer_of(self, instruction: Instruction) -> MeasuredLayer | None:
        """The layer that *instruction* made; None when it made none, or none is known."""
        return self._by_index.get(instruction.index)


def measure(built: BuiltImage, facts: Facts) -> MeasuredImage:
    """*built* matched with the instructions of the target's chain that make layers.

    From the last layer down: each line of the history is the nearest instruction before the last found one
    that reads the same. Lines and instructions that have no partner are passed over.
    """
    makers = [found for found in facts.target.all_instructions if found.keyword in _MAKE_LAYERS][-_MOST:]
    keys = [instruction_keys(found, facts) for found in makers]
    lines = [history_key(text) for text, makes_layer in built.history if makes_layer]
    made: dict[int, Instruction] = {}
    for at in range(len(lines) - 1, max(len(lines) - _MOST, 0) - 1, -1):
        last = next((n for n in range(len(keys) - 1, -1, -1) if lines[at] in keys[n]), None)
        if last is not None:
            made[at] = makers[last]
            del keys[last:]
    return MeasuredImage(built, made)


def history_key(created_by: str) -> str:
    """A line of history as its instruction reads: BuildKit's, the old builder's and buildah's ways alike."""
    text = created_by.removesuffix("# buildkit").partition("|FROM ")[0].strip()
    legacy = _LEGACY.match(text)
    if legacy:
        return _normal(text[legacy.end() :])
    keyword, _, rest = text.partition(" ")
    if keyword == "RUN" or _BUILD_ARGS.match(text) or _SHELL.match(text):
        return f"RUN {_without_shell(rest if keyword == 'RUN' else text)}"
    return _normal(text)


def _without_shell(text: str) -> str:
    """``|1 A=b /bin/sh -c pip install x`` is ``pip install x``."""
    found = _SHELL.search(text) if _BUILD_ARGS.match(text) else _SHELL.match(text)
    return (text[found.end() :] if found else text).strip()


def _normal(text: str) -> str:
    keyword, _, rest = text.partition(" ")
    if keyword in {"COPY", "ADD"}:
        rest = _FLAGS.sub("", _HASHED.sub("", rest))
        if " " not in rest.strip():  # the old builder names a hash: only the destination is left
            return f"COPY {rest.strip()}"
    return f"{keyword} {rest.strip()}"


def instruction_keys(instruction: Instruction, facts: Facts) -> tuple[str, ...]:
    """An instruction as `history_key` reads its line; the old builder names only where COPY and ADD go."""
    keyword = instruction.keyword.upper()
    if keyword == "RUN":
        return (f"RUN {_run_text(instruction)}",)
    if copy := facts.copy_of(instruction):
        words: Sequence[str] = (*copy.urls, *copy.sources, copy.written_destination)
        return f"{keyword} {' '.join(words)}", f"COPY {copy.written_destination}"
    stage = facts.stage_of(instruction)
    workdir = (stage.scope(instruction).workdir if stage else "") or "/"
    path = expanded(instruction.values[0], facts.known_before(instruction))[0]
    return (f"WORKDIR {posixpath.normpath(posixpath.join(workdir, path))}",)


def _run_text(instruction: Instruction) -> str:
    if instruction.is_json:
        return _without_shell(" ".join(instruction.values))
    text, files = instruction.body.text.strip(), instruction.heredocs
    if files and _ONLY_HEREDOC.fullmatch(text):
        text = files[0].content
    else:
        text = " ".join([text, *(f"{file.content}{file.name}" for file in files)])
    return _BLANKS.sub(" ", text).strip()
