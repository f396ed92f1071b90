"""From a project's tables to proposed sites: candidates, wishes, goals, and the independent recount."""
