"""The data: labelled and unlabelled text, segmentation, splits and the teacher-logits cache."""
