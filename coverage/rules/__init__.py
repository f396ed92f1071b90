"""Rules: what a plan or a law demands as data, and one module for each kind of rule.

A profile is a TOML file of rules. Each rule has an ``id``, a ``kind`` that says how it is measured, a target,
and the source that demands it. Values that no source gives are listed as assumptions and shown as such. All that a
kind needs stands in one module: its keys, how it is measured, the rows it asks of a plan, and its table, sheet, layers
and words.
"""
