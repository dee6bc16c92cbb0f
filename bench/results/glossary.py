"""What each column of the CSV files that are written says, in a sentence; nothing but words."""

from __future__ import annotations

from collections.abc import Mapping

_RUN = {
    "method": "The eraser, `original` for the un-erased model, or a folder of images.",
    "model": "The model, by its name or by its folder and its weights' hash.",
    "suite": "The suite of prompts.",
    "case": "What one erasure removes; `all` pools the cases of a run.",
}
_SCORE = {
    "metric": "Who measured, with a threshold that decides it: `nudity@0.6`.",
    "measure": "What of it this is: one of the metric's measures, a headline, or an effect.",
    "role": "What the prompts are to the erased concept: target, synonym, hyponym, related, "
    "adversarial, near, far, remainder, general; `kept` is near and far together, `all` every "
    "role, `attack` the images of searched attacks.",
    "tag": "The kind of adversarial prompt, the attack, or what must survive; empty for all of a "
    "role.",
    "value": "The number, in the measure's unit; empty or nan where it was not measured.",
    "low": "Lower end of its 95 % interval.",
    "high": "Upper end of its 95 % interval.",
    "n": "Images behind it.",
}
_PROMPT = {
    "id": "The prompt's id, which is also the name of its image.",
    "concept": "The concept that the un-erased model is expected to draw; empty for none.",
    "text": "The prompt.",
    "seed": "Of the noise that the image starts from.",
}
_RATES = {
    "pre_asr": "Share of prompts of which any image before the attack shows the concept.",
    "asr": "Share of prompts of which any image before or after the attack shows it.",
    "matched_before": "Share of images at the prompt's own seed that show it before the attack.",
    "matched_after": "Share of images at the prompt's own seed that show it after the attack.",
    "matched_difference": "The second less the first of these.",
}

_WHICH = {
    "method": _RUN["method"],
    "made": "`here`, or `elsewhere` where only the images were given.",
    "model": _RUN["model"],
    "suite": _RUN["suite"],
    "suite_version": "Its version and the hash of its content.",
    "size": "How many of its prompts: smoke, quick, full, or one of its own.",
    "precision": "What the model computed in; empty where it is not known.",
    "case": _RUN["case"],
}
_LABELLED = {
    "method": _RUN["method"],
    "label": "The method, with what tells it from other runs of the same method.",
    **{name: _WHICH[name] for name in ("model", "suite", "suite_version", "size", "case")},
}
_SEED = {"seed": "Of the erasure; several where the row is a mean over them."}
_FURTHER = {
    "seconds_to_erase": "Wall-clock seconds of one erasure, the mean over cases.",
    "flags": "Why the run is not ranked; empty for an honest one.",
    "unconfirmed": "Concepts of which nothing can be said, as none saw them un-erased.",
    "run_id": "The run's folder.",
}

GLOSSARY: Mapping[str, Mapping[str, str]] = {
    "comparison.csv": {
        **_WHICH,
        **_SCORE,
        "sd": "Standard deviation over the seeds of an erasure; nan for a single run.",
        **_SEED,
        **_FURTHER,
    },
    "comparison_wide.csv": {**_WHICH, **_SEED, **_FURTHER},
    "scores.csv": {**_RUN, **_SCORE},
    "per_image.csv": {
        "case": "The erasure that drew the image.",
        "id": _PROMPT["id"],
        "role": "What the prompt is to the erased concept.",
        "tag": "What tells prompts of a role apart.",
        **{name: _PROMPT[name] for name in ("concept", "text", "seed")},
        "image": "Where the image is, from the run's folder.",
    },
    "axes.csv": {
        **_LABELLED,
        "axis": "A side of what an erasure should do, or `H_all`, the harmonic mean of all.",
        "roles": "The roles whose images the axis counts.",
        "value": "From 0 to 1, the higher the better.",
        "low": _SCORE["low"],
        "high": _SCORE["high"],
        "n": _SCORE["n"],
        "seed": "Of the erasure; several in a row that takes runs of several seeds together.",
        "flags": "Why the run is not ranked; empty where it is.",
        "run_id": "The runs' folders.",
    },
    "interference.csv": {
        **_LABELLED,
        "erased": "The concepts that the case erases; empty for the un-erased model.",
        "metric": "Who says whether an image shows what was asked for. The columns after these are "
        "the concepts that target, near and far prompts ask for, one each.",
        "statistic": "Of a row's numbers: `value`, the share of images that show what was asked, "
        "`low` and `high`, its 95 % interval, or `n`, the images.",
        "flags": "Why the run is not ranked; empty where it is.",
        "run_id": "The run's folder.",
    },
    "attacks.csv": {
        **_RUN,
        "attack": "The search.",
        "kind": "`adaptive` where it works on the erased model itself, else `transfer`.",
        "convention": "`official` follows the released code, `quick` is cheaper and ours.",
        "budget": "How many prompts and candidates: smoke, quick or full.",
        "metric": "Who says whether an image shows the concept.",
        "n": "Prompts attacked.",
        "left_out": "Prompts that the un-erased model does not draw, which say nothing.",
        **{
            name + end: what + words
            for name, what in _RATES.items()
            for end, words in (
                ("", ""),
                ("_low", " Lower end of its 95 % interval."),
                ("_high", " Upper end of its 95 % interval."),
            )
        },
        "matched_p": "P-value of the pair before and after at the prompts' own seeds.",
        "evaluations": "U-Net evaluations of the search for one prompt.",
        "images": "Images drawn for one prompt.",
        "seconds": "Wall-clock seconds of all searches; drawing is not counted.",
        "note": "What is unusual.",
        "trial": "Its folder.",
        "unattacked": "The folder of the images before it.",
        "erasure": "SHA-256 of the erasure.",
        "origin": "The distribution that brought the attack as a plug-in; empty for ours.",
        "guard": "`not attacked` where an adaptive search saw nothing of the erasure.",
    },
    "results.csv": {
        **_PROMPT,
        "found": "The prompt that the search found; empty where nothing is said.",
        "embedding": "The file of the embedding that it found.",
        "step": "Steps of the sampler that the latents it starts from have behind them.",
        "loss": "Of the search, at its end.",
        "before": "A 1 for each candidate before the attack that shows the concept, else a 0.",
        "after": "The same after the attack.",
        "pre_success": "Whether any candidate shows it before the attack.",
        "success": "Whether any shows it before or after.",
        "matched_before": "Whether the one at the prompt's own seed shows it before the attack.",
        "matched_after": "The same after the attack.",
        "evaluations": "U-Net evaluations of the prompt's search, or its share of a common one.",
        "seconds": "Wall-clock seconds of the same.",
    },
    "agreement.csv": {
        "metric": "The raters.",
        "other": "A detector, or `between raters`.",
        "n": "Images that both could tell.",
        "agreeing": "Share of these on which all say the same.",
        "low": "Lower end of its 95 % interval.",
        "high": "Upper end of its 95 % interval.",
        "alpha": "Krippendorff's alpha of nominal verdicts: 1 full agreement, 0 that of chance.",
        "kappa": "Cohen's kappa of the raters' majority and the detector.",
    },
    "lora_errors.csv": {
        "tensor": "The parameter that the LoRA changes, under diffusers' name.",
        "norm": "Frobenius norm of its change.",
        "error": "Share of that norm which the LoRA misses at its rank.",
    },
}
"""By file and column. per_image.csv has further columns, METRIC_COLUMN, of each metric's own, and
comparison_wide.csv three a score: its value, and the same with _low and _high."""
