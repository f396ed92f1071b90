"""The embedded sample: a schematic Zhuzhou, and a real extract of central Helsinki."""
