"""Game day: one part of a running, watched system after another is broken, and on-call must hear exactly what is so.

`faults` says what can be broken and what must be told then; `pager` is on-call's pager; `session` runs, `report` shows.
"""
