"""What is trained or asked: teachers, students, word vectors and the checkpoint folder."""
