"""The models: teachers, students, word vectors and the checkpoint folder."""
