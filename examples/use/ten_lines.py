"""Ask a pulled student with only onnxruntime, jieba and numpy: `python ten_lines.py FOLDER < texts.txt`.

It is for students with words as tokens and without a dictionary of their own. The folder itself (`python FOLDER`) takes every kind of
tokens, starts faster and answers many texts at a time.
"""

import json
import sys
import unicodedata
from pathlib import Path

import jieba
import numpy as np
import onnxruntime

folder = Path(sys.argv[1])
config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
tokens = config["tokens"]
is_of_pairs = tokens.get("cut") == "pairs_as_spelt"
if tokens["kind"] != "words" or tokens["user_words"] or config.get("thresholds") or is_of_pairs:
    sys.exit(f"these lines know plain words, no pairs and no threshold: python {folder} answers for this student")
labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
ids = {word: i for i, word in enumerate((folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n"))}
network = onnxruntime.InferenceSession(folder / "model.onnx")
for line in sys.stdin:
    text = unicodedata.normalize("NFKC", line)
    words = jieba.lcut(text if "cut" in tokens else text.lower(), HMM=tokens["hmm"])
    row = [ids.get(word.lower(), 1) for word in words if not word.isspace()][: tokens["max_tokens"]] or [1]
    (logits,) = network.run(["logits"], {"token_ids": np.array([row]), "lengths": np.array([len(row)])})[0]
    logits = logits / config.get("temperature", 1)
    print(labels[logits.argmax()], 1 / np.exp(logits - logits.max()).sum())
