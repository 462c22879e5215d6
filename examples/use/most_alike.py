"""Find the stored question that is most like each new one: `python most_alike.py FOLDER STORED.txt < questions.txt`.

FOLDER is a siamese student of pairs. Each text is read once, and the pairs are compared by their vectors. The probability is that of
the last label. The program needs only what the folder needs.
"""

import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])
from distune_student import load

student = load()
stored = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
vectors = student.encode(stored)  # Once; numpy.save keeps them for the next time, as long as the student is the same.
for question in sys.stdin:
    (vector,) = student.encode([question.rstrip("\n")])
    probabilities = student.compare(vector, vectors)[:, -1]
    best = probabilities.argmax()
    print(f"{probabilities[best]:.4f}\t{question.rstrip()}\t{stored[best]}")
