"""Ask a server that has OpenAI's API, such as vLLM, llama.cpp or Ollama, one request of a batch file after the other:
`python ask_model.py requests.jsonl replies.jsonl http://127.0.0.1:8000`.

It needs only the standard library. A request that has a reply already is not sent again. A key comes from OPENAI_API_KEY.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

requests, replies, server = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].rstrip("/")
headers = {"Content-Type": "application/json", "Authorization": f"Bearer {os.environ.get('OPENAI_API_KEY', 'none')}"}


def ask(request):
    """The reply in the form in which a batch gives it; an error is a reply too."""
    reply = {"custom_id": request["custom_id"], "error": None}
    sent = urllib.request.Request(server + request["url"], json.dumps(request["body"]).encode(), headers)
    try:
        with urllib.request.urlopen(sent, timeout=600) as answer:
            return {**reply, "response": {"status_code": answer.status, "body": json.load(answer)}}
    except urllib.error.HTTPError as error:
        said = {"error": {"message": error.read().decode(errors="replace")}}
        return {**reply, "response": {"status_code": error.code, "body": said}}
    except (OSError, ValueError) as error:
        return {**reply, "response": None, "error": {"message": str(error)}}


known = [json.loads(line) for line in replies.read_text("utf-8").splitlines()] if replies.exists() else []
done = {reply["custom_id"] for reply in known if (reply["response"] or {}).get("status_code") == 200}
asked = [json.loads(line) for line in requests.read_text("utf-8").splitlines()]
with replies.open("a", encoding="utf-8") as file, ThreadPoolExecutor(8) as pool:
    for reply in pool.map(ask, [request for request in asked if request["custom_id"] not in done]):
        file.write(json.dumps(reply, ensure_ascii=False) + "\n")
        file.flush()
