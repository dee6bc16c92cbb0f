"""Tries attacks on the edits of runs, judges what they bring back, and keeps it.

`plan` says what would be tried, without torch; `ground` is the un-erased model's side of a case;
`trial` is one attack on one edit; `folder` holds its files. `problem` is what an attack is let at:
`examples` are pictures that it may learn from, `eye` what it may see of the erased model.
"""
