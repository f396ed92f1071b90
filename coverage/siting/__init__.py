"""Where to build: from a project's tables to proposed sites (``planning``), by solvers on arrays (``maxcover``)."""
