#!/usr/bin/env bash
# A checkpoint may bring its model's code (`auto_map` in config.json). Where its `model_type` is one that transformers knows and
# `trust_remote_code` is False, transformers neither refuses it nor warns: it loads its own class of that type. All weights fit by
# their names, so that nothing is missing or unexpected, and the logits are those of another model.
# Who exports a classifier that pools otherwise than the stock one gets other answers wherever the flag
# is not given. A model of an unknown `model_type` is refused with a clear message, so that one expects the same here.
#
# Seen with transformers 5.23.0 and torch 2.13.0:
#   its own code: MeanBert, label 0
#   trust_remote_code=False: BertForSequenceClassification, missing 0, unexpected 0, warnings 0
#   the logits are equal: False
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.23.0 torch==2.13.0
cd "$work"
HF_HUB_OFFLINE=1 HF_MODULES_CACHE="$work/modules" "$work/venv/bin/python" - <<'PYTHON'
import json
import logging
import sys
import warnings
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForSequenceClassification, BertConfig, BertForSequenceClassification

print("transformers", transformers.__version__, "torch", torch.__version__)
CODE = '''
from transformers import BertForSequenceClassification


class MeanBert(BertForSequenceClassification):
    """Classifies the mean of all states, where the stock class takes the first one through its pooler."""

    def forward(self, input_ids, **settings):
        states = self.bert(input_ids).last_hidden_state
        return self.classifier(states.mean(dim=1))
'''
torch.manual_seed(0)
shape = BertConfig(
    vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, initializer_range=0.5
)
folder = Path("checkpoint")
BertForSequenceClassification(shape).save_pretrained(folder)
config = json.loads((folder / "config.json").read_text())
config["auto_map"] = {"AutoModelForSequenceClassification": "modeling_mean.MeanBert"}
config["architectures"] = ["MeanBert"]
(folder / "config.json").write_text(json.dumps(config))
(folder / "modeling_mean.py").write_text(CODE)

heard = []
handler = logging.Handler()
handler.emit = lambda record: heard.append(record.getMessage())
transformers.utils.logging.get_logger().addHandler(handler)
ids = torch.tensor([[3, 7, 11, 2]])
own = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=True).eval()
heard.clear()
with warnings.catch_warnings(record=True) as warned:
    warnings.simplefilter("always")
    stock, info = AutoModelForSequenceClassification.from_pretrained(
        folder, trust_remote_code=False, output_loading_info=True
    )
about_code = [text for text in [*heard, *(str(one.message) for one in warned)] if "code" in text or "MeanBert" in text]
with torch.no_grad():
    its_own, of_stock = own(ids), stock.eval()(ids).logits
print(f"its own code: {type(own).__name__}, label {int(its_own.argmax())}")
print(
    f"trust_remote_code=False: {type(stock).__name__}, missing {len(info['missing_keys'])}, "
    f"unexpected {len(info['unexpected_keys'])}, warnings {len(about_code)}"
)
equal = torch.allclose(its_own, of_stock, atol=1e-4)
print("the logits are equal:", equal)
as_described = (
    type(stock) is BertForSequenceClassification
    and not info["missing_keys"]
    and not info["unexpected_keys"]
    and not about_code
    and not equal
)
sys.exit(not as_described)
PYTHON
