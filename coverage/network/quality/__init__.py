"""The network report (路网质量): what is doubtful in the roads, where, and what it does to the numbers."""
