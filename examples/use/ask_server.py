"""Ask `distune serve` or `mlflow models serve`: `python ask_server.py http://127.0.0.1:8000 < texts.txt`.

It needs only the standard library.
"""

import json
import sys
import urllib.request

texts = [line.rstrip("\n") for line in sys.stdin]
for start in range(0, len(texts), 500):
    table = {"dataframe_records": [{"text": text} for text in texts[start : start + 500]]}
    request = urllib.request.Request(
        f"{sys.argv[1]}/invocations", json.dumps(table).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as response:
        for answer in json.load(response)["predictions"]:
            print(json.dumps(answer, ensure_ascii=False))
