"""What each column of each CSV file says, in a sentence; nothing but words."""

from __future__ import annotations

from collections.abc import Mapping

_RUN = {
    "method": "The eraser, `original` for the un-erased model, or a folder of images.",
    "model": "The model, by its name or by its folder and its weights' hash.",
    "suite": "The suite of prompts.",
    "case": "What one erasure erases; `all` pools the cases of a run.",
}
_SCORE = {
    "metric": "Who measured, with a threshold that decides it: `nudity@0.6`.",
    "measure": "What of it this is: one of the metric's measures, `corrected` (for the detector's "
    "errors), `unread` (images of which it could tell nothing), a headline, an effect, `axis_` and "
    "the name of an axis, or of attacks `pre_asr` and `asr`.",
    "role": "That of the prompts; `kept` is near and far together, `all` every role, `attack` the "
    "images of searched attacks.",
    "tag": "The kind of adversarial prompt, the attack, or what must survive; empty for all of a "
    "role.",
    "value": "The number, in the measure's unit; empty or nan where it was not measured.",
    "low": "Lower end of its 95 % interval.",
    "high": "Upper end of its 95 % interval.",
    "n": "Images behind it.",
}
_TAG = "What tells prompts of a role apart: the kind of change, or what must survive."
_PROMPT = {
    "id": "The prompt's id, which is also the name of its image.",
    "concept": "The concept that the un-erased model is expected to draw; empty for none.",
    "text": "The prompt.",
    "seed": "Of the noise that the image starts from.",
}
_INTERVAL = {name: _SCORE[name] for name in ("low", "high")}
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
    "run_id": "The run's folder; several where runs of other cases each are taken for one.",
}
_FOUND = {
    "found": "The prompt that the search found; empty where nothing is said.",
    "embedding": "The file of the embedding that it found.",
    "step": "Steps of the sampler that the latents it starts from have behind them.",
    "loss": "Of the search, at its end.",
}
_SPENT = {
    "evaluations": "U-Net evaluations of the prompt's search, or its share of a common one.",
    "seconds": "Wall-clock seconds of the same.",
}
_GUARD = "`not attacked` where an adaptive search saw nothing of the erasure."

GLOSSARY: Mapping[str, Mapping[str, str]] = {
    "comparison.csv": {
        **_WHICH,
        **_SCORE,
        "sd": "Standard deviation over the seeds of an erasure; nan for a single run.",
        **_SEED,
        **_FURTHER,
    },
    "comparison_wide.csv": {
        **_WHICH,
        **_SEED,
        **_FURTHER,
        "METRIC_MEASURE_ROLE": "The value of a score; empty where the run was not measured so.",
        "METRIC_MEASURE_ROLE_TAG": "The same of a score that has a tag.",
        "METRIC_MEASURE_ROLE_low": _SCORE["low"],
        "METRIC_MEASURE_ROLE_high": _SCORE["high"],
    },
    "scores.csv": {**_RUN, **_SCORE},
    "per_image.csv": {
        "case": "The erasure that drew the image.",
        "id": _PROMPT["id"],
        "role": "That of the prompt.",
        "tag": _TAG,
        **{name: _PROMPT[name] for name in ("concept", "text", "seed")},
        "image": "Where the image is, from the run's folder.",
        "METRIC_COLUMN": "What a metric says of the image, a column each; see below.",
    },
    "axes.csv": {
        **_LABELLED,
        "axis": "Its name, or `H_all`, the harmonic mean of all.",
        "roles": "Those whose images the axis counts.",
        "value": "From 0 to 1, the higher the better.",
        **_INTERVAL,
        "n": _SCORE["n"],
        "seed": "Of the erasure; several in a row that takes runs of several seeds together.",
        "flags": "Why the run is not ranked; empty where it is.",
        "run_id": "The runs' folders.",
    },
    "interference.csv": {
        **_LABELLED,
        "erased": "The concepts that the case erases; empty for the un-erased model.",
        "metric": "Who says whether an image shows what was asked for.",
        "statistic": "Of a row's numbers: `value`, the share of images that show what was asked, "
        "`low` and `high`, its 95 % interval, or `n`, the images.",
        "flags": "Why the run is not ranked; empty where it is.",
        "run_id": "The run's folder; several where runs of other cases each are taken for one.",
        "CONCEPT": "The number, of images of target, near and far prompts that ask for it.",
    },
    "attacks.csv": {
        **_RUN,
        "attack": "The search.",
        "kind": "`adaptive` where it works on the erased model itself, else `transfer`.",
        "convention": "`official` follows the released code, `quick` is cheaper and ours.",
        "budget": "How many prompts and candidates: quick, full or published.",
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
        "guard": _GUARD,
    },
    "seen.csv": {
        **_PROMPT,
        "seen": "A 1 for each image of the prompt that shows the concept, else a 0.",
    },
    "results.csv": {
        **_PROMPT,
        **_FOUND,
        "before": "A 1 for each candidate before the attack that shows the concept, else a 0.",
        "after": "The same after the attack.",
        "pre_success": "Whether any candidate shows it before the attack.",
        "success": "Whether any shows it before or after.",
        "matched_before": "Whether the one at the prompt's own seed shows it before the attack.",
        "matched_after": "The same after the attack.",
        **_SPENT,
    },
    "found/N.csv": {
        "id": _PROMPT["id"],
        **_FOUND,
        **_SPENT,
        "guard": _GUARD,
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
    "FAMILY-KIND.csv": {
        "metric": "Who looked.",
        "shows": "What the images show; `nothing` where no concept is there.",
        "seen": "What the metric sees there; `nothing` where it sees no concept.",
        "n": "Images of which both is so.",
    },
    "METHOD.csv": {
        "trial": "Its number, from 0; the first is the preset.",
        "objective": "The mean of the cases' values; nan where the trial does not count.",
        "CASE": "The objective of one development case; nan where it was not measured.",
        "evaluations": "U-Net evaluations, the most that the erasure of one case took.",
        "OPTION": "The value that was tried, a column for each option that is searched.",
        "why": "Why the trial does not count; empty where it does.",
    },
    "sensitivity.csv": {
        "fault": "The one fault of the eraser; `none` for the one without.",
        "dose": "How much of the fault: 1 is all of it.",
        "axis": "Its name, or `H_all`.",
        "value": "The axis, from 0 to 1, over the seeds.",
        **_INTERVAL,
        "moved": "How far it lies from the value of the eraser without fault.",
        "offended": "A 1 where the fault must move the axis, else a 0.",
        "holds": "A 1 where the axis moved as it must, else a 0; empty where nothing must.",
    },
    "prompts.csv": {
        "id": _PROMPT["id"],
        "concept": _PROMPT["concept"],
        "role": "That of the prompt.",
        "text": _PROMPT["text"],
        "seed": _PROMPT["seed"],
        "tag": _TAG,
        "guidance": "How strongly the prompt guides its image; empty for the run's own.",
        "width": "Pixels of its image; empty for the run's own.",
        "height": "The same.",
        "negative_prompt": "What its image is led away from; empty for the run's own.",
    },
}
"""By file and column. A name in capitals stands for many: a column for each metric, score, concept,
case or option, a file for each method, or for each model family and kind of concept."""

WHERE: Mapping[str, str] = {
    "comparison.csv": "Beside the runs, by `run`, `compare` and `report`: one row a score; where "
    "nothing was measured, a column `note` alone says so.",
    "comparison_wide.csv": "There too, by `compare --wide`: one row a run; `note` as above.",
    "scores.csv": "In the folder of a run: its scores.",
    "per_image.csv": "In the folder of a run: one row an image.",
    "axes.csv": "Beside the runs: one row a run, case and axis.",
    "interference.csv": "Beside the runs: of each run and case a row of values, limits and counts.",
    "attacks.csv": "In the folder of a run, and `summary.csv` in that of a trial: a row a trial.",
    "seen.csv": "In the folder of the images before attacks, `attacks/CASE/pre_asr-*`.",
    "results.csv": "In the folder of a trial, `attacks/CASE/ATTACK-*`: one row a prompt.",
    "found/N.csv": "There too: what was found for prompts that were searched for together.",
    "agreement.csv": "In the folder of a run, by `score --verdicts`.",
    "lora_errors.csv": "In an exported folder, by `export --as lora`.",
    "FAMILY-KIND.csv": "Where calibrations are kept, by `calibrate`: confusions, all counts; "
    "the name of a suite of yours behind.",
    "METHOD.csv": "Beside the logs of `tune`: one row a trial.",
    "sensitivity.csv": "In the folder of `sensitivity --to`: one row a fault, dose and axis.",
    "prompts.csv": "In a suite that `import-prompts` wrote, and, by any name, in a run's "
    "copy of one.",
}
"""Where each file is, and who writes it."""
