"""The records of a search in MLflow."""
