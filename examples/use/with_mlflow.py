"""Ask the champion of a registered model through MLflow: `python with_mlflow.py NAME < texts.txt`.

MLFLOW_TRACKING_URI names the MLflow store. The program needs mlflow (or mlflow-skinny with a server) and the model's own
requirements. It prints one JSON object for each text.
"""

import sys

import mlflow
import pandas as pd

student = mlflow.pyfunc.load_model(f"models:/{sys.argv[1]}@champion")
answers = student.predict(pd.DataFrame({"text": [line.rstrip("\n") for line in sys.stdin]}))
print(answers.to_json(orient="records", lines=True, force_ascii=False, double_precision=15), end="")
