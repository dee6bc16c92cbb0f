"""How far the images that should stay have moved as a set: FID and KID."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from bench.families import FAMILIES, World, of_world
from bench.metrics import STAYING, Measure, Metric, SetScore, Setting, View
from bench.metrics._images import SQUARE, Transform, batches, in_batches, square, whole
from bench.metrics._sets import Moments, frechet, kernel, moments
from bench.models.downloads import Checkpoint, Download
from bench.types import ALL, InputError, Progress, silent

if TYPE_CHECKING:
    from bench.images import ReferenceImages

BATCH = 25
"""Images read at once."""
PIXELS = 64
"""Side of what mini's judge takes."""
LEAST_KID = 50
"""Fewest images of a side for KID, which is unbiased but noisy below."""
INCEPTION = (
    "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/"
    "weights-inception-2015-12-05-6726825d.pth"
)
REFERENCE = "fid_reference"


class Fidelity(Metric):
    """FID and KID of what should stay to the un-erased model's images, and FID to real ones."""

    paper: ClassVar[str] = "FID: Heusel et al. 2017 (1706.08500); KID: 1801.01401"
    detector: ClassVar[str] = (
        f"mini: its judge's 224 features ({SQUARE.format(PIXELS)}); others: torch-fidelity's "
        "InceptionV3, 2048 features, which itself brings images of any size to 299 x 299 as "
        "TensorFlow 1 did (bilinear, without antialiasing; clean-fid's convention differs)"
    )

    @property
    def criterion(self) -> str:
        """Say how many images it takes."""
        return (
            f"FID from {FEATURES['rendered'].width + 1} images (mini) or "
            f"{FEATURES['photographs'].width + 1}, so that "
            f"covariances have full rank, KID from {LEAST_KID}; below, not measured"
        )

    def measures(self) -> tuple[Measure, ...]:
        """Return FID and KID, on each role that should stay and on all of those together."""
        words = (
            ("fid", "FID", "Frechet distance of {} to the un-erased model's images"),
            ("kid", "KID", "squared MMD, cubic kernel, of {} to the un-erased model's images"),
            (REFERENCE, "FID", "Frechet distance of {} to the images of --reference-images"),
        )
        return tuple(
            Measure(
                name=name + network.suffix,
                what=f"{distance.format(network.what)}; `{ALL}` pools the roles that should stay",
                direction="lower",
                unit=unit,
                roles=(*STAYING, ALL),
                families=of_world(world),
            )
            for world, network in FEATURES.items()
            for name, unit, distance in words
        )

    def least_reference(self, family: str) -> int:
        """Return from how many real images on their covariance has full rank."""
        return _features_of(family).width + 1

    def downloads(self, family: str) -> tuple[Download, ...]:
        """Return the family's network."""
        return _features_of(family).downloads

    def prepare(self, family: str, device: str) -> None:
        """Load the family's network."""
        _network(family, device)

    def of_run(self, view: View, progress: Progress = silent) -> list[SetScore]:
        """Return FID and KID over the pairs of which both images can be read.

        NaN where there is no un-erased model's run beside, or where pairs are too few. FID to real
        images, if there are any, is over all images that can be read.
        """
        roles: list[str] = [role for role in STAYING if role in view.images]
        ours = {role: _features(view.images[role], view, progress) for role in roles}
        sets = {
            role: _both(ours[role], self._unerased(role, ours, view, progress))
            for role in roles
            if len(view.unerased.get(role, ())) == len(view.images[role])
        }
        if roles and list(sets) == roles:
            sets[ALL] = _together(list(sets.values()))
        found = [score for role in (*roles, ALL) for score in self._scores(role, sets, view)]
        if view.reference is not None:
            real = _real(view.reference, view.setting, progress)
            found += self._to_real(ours, real, view.setting.family)
        return found

    def _unerased(self, role: str, ours: Mapping[str, Any], view: View, progress: Progress) -> Any:
        # The un-erased model's own run is compared with itself.
        if list(view.unerased[role]) == list(view.images[role]):
            return ours[role]
        return _features(view.unerased[role], view, progress)

    def _scores(
        self, role: str, sets: Mapping[str, tuple[Any, Any]], view: View
    ) -> Iterator[SetScore]:
        network = _features_of(view.setting.family)
        one, two = sets.get(role, ((), ()))
        n, fid = len(one), math.nan
        if n > network.width:
            fid = _fid(moments([one]), moments([two]))
        kid = kernel(one, two) if n >= LEAST_KID else math.nan
        yield SetScore(f"fid{network.suffix}", role, fid, n)
        yield SetScore(f"kid{network.suffix}", role, kid, n)

    def _to_real(self, ours: Mapping[str, Any], real: Moments, family: str) -> Iterator[SetScore]:
        network = _features_of(family)
        whole = {role: rows[~rows.isnan().any(dim=1)] for role, rows in ours.items()}
        for role in (*whole, ALL):
            own = moments(whole.values() if role == ALL else [whole[role]])
            n = own.n if own else 0
            fid = _fid(own, real) if n > network.width else math.nan
            yield SetScore(f"{REFERENCE}{network.suffix}", role, fid, n)


def _fid(one: Moments | None, two: Moments | None) -> float:
    return math.nan if one is None or two is None else frechet(one, two)


def _features(paths: Sequence[Path], view: View, progress: Progress) -> Any:
    """Return the features (images, d) of files; a row of NaN for an unreadable one."""
    import torch

    family = view.setting.family
    transform, network = _network(family, view.setting.device)
    seen, readable = in_batches(paths, transform, BATCH, network, "fidelity", progress)
    rows = torch.full((len(paths), _features_of(family).width), math.nan)
    if any(readable):
        rows[torch.tensor(readable)] = seen
    return rows


_REAL: dict[tuple[ReferenceImages, str, str], Moments] = {}
"""The moments of the real images seen last, which are the same for every case and run."""


def _real(reference: ReferenceImages, setting: Setting, progress: Progress) -> Moments:
    """Return the moments of real images; of the images only a batch is in memory at once.

    Raises:
        InputError: they have changed since they were checked.
    """
    key = (reference, setting.family, setting.device)
    if key not in _REAL:
        reference.check()
        transform, network = _network(setting.family, setting.device)
        parts = batches(reference.files, transform, BATCH, network, "reference images", progress)
        found = moments(rows for rows, _ in parts if rows is not None)
        assert found is not None, "checked images can be read"
        _REAL.clear()
        _REAL[key] = found
    return _REAL[key]


def _both(one: Any, two: Any) -> tuple[Any, Any]:
    """Return the rows that neither side lacks."""
    whole = ~(one.isnan().any(dim=1) | two.isnan().any(dim=1))
    return one[whole], two[whole]


def _together(sets: Sequence[tuple[Any, Any]]) -> tuple[Any, Any]:
    import torch

    return torch.cat([one for one, _ in sets]), torch.cat([two for _, two in sets])


Network = tuple[Transform, Callable[[Any], Any]]
"""A transform of images, and what makes features (n, width) of a batch of them."""


@functools.lru_cache(maxsize=1)
def _network(family: str, device: str) -> Network:
    """Return what a family's features come from."""
    return _features_of(family).load(device)


def _judge(device: str) -> Network:
    from bench.models.mini import judge

    network = judge.load().network
    return square(PIXELS), lambda pixels: network.features(pixels * 2 - 1)


def _photographs(device: str) -> Network:
    return whole, _inception(device)


def _inception(device: str) -> Callable[[Any], Any]:
    import torch
    from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

    try:
        network = FeatureExtractorInceptionV3("inception-v3-compat", ["2048"])
    except (OSError, RuntimeError) as error:
        place = Path(torch.hub.get_dir()) / "checkpoints" / Path(INCEPTION).name
        raise InputError(
            f"cannot load InceptionV3 for FID ({error}); fetch {INCEPTION} and put it at {place}"
        ) from None
    network = network.to(device)
    return lambda pixels: network(pixels.to(device))[0]


@dataclass(frozen=True)
class Features:
    """What images of a world are compared by."""

    what: str
    width: int
    suffix: str
    """End of the measures' names: only distances in Inception's features are the FID of papers."""
    load: Callable[[str], Network]
    downloads: tuple[Download, ...] = ()
    """What it is fetched as, unless the package brings it."""


FEATURES: Mapping[World, Features] = {
    "rendered": Features("the judge's features", 224, "_judge", _judge),
    "photographs": Features(
        "InceptionV3's features",
        2048,
        "",
        _photographs,
        (Checkpoint("InceptionV3 for FID", INCEPTION),),
    ),
}


def _features_of(family: str) -> Features:
    return FEATURES[FAMILIES[family].world]
