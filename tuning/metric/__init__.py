"""How right a model is: the metric of a study, its score of logits, and its confidence interval."""
