"""The champion of a registered model, asked through MLflow: `python with_mlflow.py NAME < texts.txt`.

MLFLOW_TRACKING_URI says which MLflow. Needs mlflow (or mlflow-skinny, where that is a server) and what the model's own
requirements name; its answers come as a table, a JSON object a row.
"""

import sys

import mlflow
import pandas as pd

student = mlflow.pyfunc.load_model(f"models:/{sys.argv[1]}@champion")
answers = student.predict(pd.DataFrame({"text": [line.rstrip("\n") for line in sys.stdin]}))
print(answers.to_json(orient="records", lines=True, force_ascii=False, double_precision=15), end="")
