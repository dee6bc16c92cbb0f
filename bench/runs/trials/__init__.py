"""Tries attacks on the erasures of runs, judges what they bring back, and keeps it.

`plan` says what would be tried, without torch; `baseline` is the un-erased model's side of a case,
`erasure` the erased one's, `unattacked` what either draws before; `trial` is one attack on it,
`folder` holds its files, `rates` says what they amount to, `table` puts a run's trials together.
Each of them says what is left of it as units: `units` performs them, whatever process that is in,
`schedule` hands them out. `examples` are images that an attack may learn from, `oracle` what it may
see of the erased model.
"""
