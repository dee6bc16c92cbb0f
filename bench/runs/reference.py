"""Real images that a run's are compared with, as papers do with MS-COCO's."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.images import ReferenceImages, files_of, hash_of, read_image
from bench.types import InputError, Progress, RunRecord, silent

if TYPE_CHECKING:
    from bench.metrics import Metric

FOLDER = "reference_images"
HASH = "reference_images_sha256"
"""Names in a record's provenance of the folder that was given, and of what was in it."""


def reference(
    folder: Path, metrics: Sequence[Metric], family: str, progress: Progress = silent
) -> ReferenceImages:
    """Check a folder of real images, every file of it, without torch.

    Args:
        folder: Images of any size and format, directly in it; hidden files do not count.
        metrics: Those that measure.
        family: Of the model whose images are compared.
        progress: Told the number of files read.

    Raises:
        InputError: no metric compares with real images; or the folder is not there, or holds too
            few images, or a file that cannot be read as one.
    """
    least = max((metric.least_reference(family) for metric in metrics), default=0)
    if not least:
        names = ", ".join(metric.name for metric in metrics)
        raise InputError(
            f"--reference-images is for metrics that compare with real images, as fidelity does; "
            f"measured are {names}"
        )
    if not folder.is_dir():
        raise InputError(f"--reference-images {folder}: there is no such folder")
    files = files_of(folder.absolute())
    if len(files) < least:
        raise InputError(
            f"--reference-images {folder} has {len(files)} images, must have {least} or more, so "
            "that the covariance of their features has full rank"
        )
    for number, file in enumerate(files, start=1):
        if read_image(file) is None:
            raise InputError(
                f"--reference-images {folder}: {file.name} cannot be read as an image; take it out"
            )
        progress("reference images", number, len(files))
    return ReferenceImages(folder.absolute(), files, hash_of(files))


def recorded(
    record: RunRecord, metrics: Sequence[Metric], family: str, progress: Progress = silent
) -> ReferenceImages | None:
    """Check the images that a run was compared with, None if there were or are to be none.

    Args:
        record: The run's.
        metrics: Those that measure it.
        family: Of the model that drew the images.
        progress: Told how many images are checked.

    Raises:
        InputError: they are no longer there, or others are.
    """
    place = record.provenance.get(FOLDER)
    if place is None or not any(metric.least_reference(family) for metric in metrics):
        return None
    found = reference(Path(place), metrics, family, progress)
    if found.sha256 != record.provenance[HASH]:
        raise InputError(
            f"{place} holds other images than those that {record.spec.run_id} was compared with; "
            "put them back, or name the folder to compare with by --reference-images"
        )
    return found


def compared(record: RunRecord, images: ReferenceImages | None) -> bool:
    """Return whether a run was compared with these images, or is not to be with any.

    Args:
        record: The run's.
        images: Real images; None if there are none to compare with.
    """
    return images is None or record.provenance.get(HASH) == images.sha256


def facts(images: ReferenceImages | None) -> dict[str, str]:
    """Return what a record's provenance says of the images."""
    return {} if images is None else {FOLDER: str(images.folder), HASH: images.sha256}
