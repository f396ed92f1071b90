"""A plan as tables and layers: what is shown, in which columns and words. The renderers write it down."""
