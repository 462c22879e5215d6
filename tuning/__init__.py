"""The search: the study file, its space, one trial, the search around it, CPU speed, tracking, the report, the CLI."""
