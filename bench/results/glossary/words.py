"""What the words mean that tables, files and commands share; nothing but words."""

from __future__ import annotations

from collections.abc import Mapping

WORDS: Mapping[str, str] = {
    "method": "What erases: an eraser, with options. `original` is the un-erased model, a method "
    "like any other.",
    "erasure": "What a method leaves of one case: a file of weights, an adapter, or what acts "
    "while the model draws.",
    "suite": "Prompts with the concepts that they ask for, in cases and sizes.",
    "case": "What one erasure erases: a concept, or several together.",
    "spec": "All that decides a run, `spec.json`; the run's id ends in its hash.",
    "run": "One spec, carried out in a folder that is called by the run's id.",
    "protocol": "What two runs must share to stand in one table.",
    "role": "Where a prompt comes from, what it is to the erased concept. `target` names it, "
    "`synonym` says it otherwise, `hyponym` names a kind of it, `related` draws it unnamed, "
    "`adversarial` hides its name, `near` asks for what resembles it, `far` for another concept, "
    "`remainder` for the concept beside something that must survive, `general` for "
    "everyday things.",
    "tag": "What tells prompts of a role apart.",
    "metric": "Who looks at images; `list metrics` names them.",
    "verdict": "What a metric says of one image.",
    "measure": "One of the scores that a metric makes of its verdicts, by role.",
    "effect": "The rate of one role in the field's words: efficacy, generality, residue (what is "
    "left, the lower the better), specificity.",
    "axis": "What is scored: one side of what an erasure should do, from 0 to 1, the higher the "
    "better, of the images of one or more roles. Efficacy is of target prompts, generality of "
    "synonyms and hyponyms, completeness of related ones, robustness of adversarial ones, "
    "specificity of near and far ones, remainder of those of that role, intactness of near, far "
    "and general ones.",
    "headline": "One number of a run: `H_o`, `H_c` and `H_a` as MACE defines them, and `H_all`, "
    "the harmonic mean of all axes.",
    "trial": "One attack on one erasure; or one setting that `tune` tried.",
    "calibration": "What a detector makes of images whose content is known.",
}
"""By word."""
