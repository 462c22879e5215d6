"""The teachers of a study, the places of their logits, and the computing of them."""
