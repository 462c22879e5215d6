"""Which teachers there are, where their logits lie, and who computes them."""
