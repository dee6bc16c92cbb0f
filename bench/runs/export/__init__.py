"""Takes a finished run out: its erasure for diffusers, with a model card, and its numbers."""

from bench.runs.export.plan import FORMS, Export, plan
from bench.runs.export.write import Exported, carry_out, lines

__all__ = ["FORMS", "Export", "Exported", "carry_out", "lines", "plan"]
