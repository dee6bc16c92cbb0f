"""A diffusion model as something that is fetched once and then kept."""

from __future__ import annotations

from dataclasses import dataclass

from bench.models import recognition
from bench.models.downloads import Download
from bench.models.sources import Source


@dataclass(frozen=True)
class Model(Download):
    """A diffusion model, by what `--model` calls it."""

    source: str

    @property
    def name(self) -> str:  # type: ignore[override]
        """Say which model."""
        return f"model {self.source}"

    @property
    def here(self) -> bool:
        """Whether a pipeline can be loaded from what is here."""
        return not recognition.lacking(self.source)

    def fetch(self) -> None:
        """Fetch the files that its pipeline is loaded from, chosen by diffusers."""
        import diffusers

        from bench.families import FAMILIES
        from bench.models import loading

        loading.fetched(self.source)
        source, own = Source.of(self.source), FAMILIES[recognition.family(self.source)]
        getattr(diffusers, own.layout.name).download(
            recognition.hub_id(self.source),
            revision=source.revision or None,
            variant=source.variant or None,
            **own.settings,
        )
