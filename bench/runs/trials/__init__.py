"""Tries attacks on the erasures of runs, judges what they bring back, and keeps it.

`plan` says what would be tried, without torch; `baseline` is the un-erased model's side of a case,
`erasure` the erased one's, `unattacked` what either draws before; `trial` is one attack on it,
`folder` holds its files, `rates` says what they amount to, `table` puts a run's trials together.
`problem` is what an attack is let at: `examples` are images that it may learn from, `oracle`
what it may see of the erased model.
"""
