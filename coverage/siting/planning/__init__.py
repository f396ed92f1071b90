"""From a project's tables to proposed sites: candidates, constraints, goals, and the independent recount."""
