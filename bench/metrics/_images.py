"""Images to the tensors that networks take; a file that is no image is noticed and left out.

Every network has a transform of its own, from an image as `bench.images` reads it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.images import read_image
from bench.types import Progress

if TYPE_CHECKING:
    from PIL.Image import Image

Transform = Callable[["Image"], Any]
"""From an RGB image to a tensor (3, height, width)."""
SQUARE = "shorter side to {} pixels (bicubic), then the middle square"
"""What `square` does, in words."""


@functools.lru_cache(maxsize=4)
def square(pixels: int) -> Transform:
    """Return the transform to a float square in [0, 1]: CLIP's, without its normalisation."""
    from torchvision import transforms

    found: Transform = transforms.Compose(
        [
            transforms.Resize(pixels, transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(pixels),
            transforms.ToTensor(),
        ]
    )
    return found


def whole(image: Image) -> Any:
    """Return an image of any size as it is, uint8."""
    from torchvision.transforms import functional

    return functional.pil_to_tensor(image)


def read_images(paths: Sequence[Path], transform: Transform) -> tuple[list[Any], list[bool]]:
    """Return the tensors of the files that can be read, and for each file whether it can.

    Args:
        paths: Image files.
        transform: Makes a tensor of an image, as the network wants it.
    """
    found = [read_image(path) for path in paths]
    tensors = [transform(image) for image in found if image is not None]
    return tensors, [image is not None for image in found]


def by_size(network: Callable[..., Any], *sides: Sequence[Any]) -> Any:
    """Return a network's output for each tensor, those of one size read together.

    Args:
        network: From one tensor (n, 3, height, width) a side to one tensor (n, ...).
        sides: Tensors (3, height, width), as many a side; those with one index have one size.

    Returns:
        A float tensor on the CPU, one row an index.
    """
    import torch

    shapes = [tensor.shape for tensor in sides[0]]
    rows: dict[int, Any] = {}
    with torch.inference_mode():
        for shape in dict.fromkeys(shapes):
            own = [number for number, other in enumerate(shapes) if other == shape]
            made = network(*(torch.stack([side[number] for number in own]) for side in sides))
            rows |= zip(own, made.float().cpu(), strict=True)
    return torch.stack([rows[number] for number in range(len(shapes))])


def batches(
    paths: Sequence[Path],
    transform: Transform,
    size: int,
    network: Callable[[Any], Any],
    what: str,
    progress: Progress,
) -> Iterator[tuple[Any, list[bool]]]:
    """Yield a network's output for some images after others, so that few are in memory at once.

    Args:
        paths: Image files.
        transform: The network's own.
        size: Images read at once; fixed by the caller, so that a resumed run reads the same ones.
        network: From a tensor (n, 3, height, width) to one (n, ...).
        what: What to call it while it is under way.
        progress: Told the number of images that were read.

    Yields:
        A tensor with a row for each that can be read, None for none; and for each whether it can.
    """
    for start in range(0, len(paths), size):
        some = paths[start : start + size]
        tensors, readable = read_images(some, transform)
        yield (by_size(network, tensors) if tensors else None), readable
        progress(what, start + len(some), len(paths))


def in_batches(
    paths: Sequence[Path],
    transform: Transform,
    size: int,
    network: Callable[[Any], Any],
    what: str,
    progress: Progress,
) -> tuple[Any, list[bool]]:
    """Return a network's output for every readable image, and which images are readable.

    See `batches`.

    Args:
        paths: Image files.
        transform: Makes a tensor of an image, as the network wants it.
        size: Images that go through the network at once.
        network: Takes (images, channels, height, width), returns a tensor with one row an image.
        what: Name of the metric, for `progress`.
        progress: Told how many images are done.
    """
    import torch

    outputs, readable = [], list[bool]()
    for rows, can in batches(paths, transform, size, network, what, progress):
        readable += can
        if rows is not None:
            outputs.append(rows)
    return (torch.cat(outputs) if outputs else torch.zeros(0, 1)), readable
