"""`distune ui --optuna`: a search as optuna-dashboard shows it."""

from __future__ import annotations

import importlib.util
import warnings

import optuna

from distune._plural import n_of
from distune.tuning.storage.paths import Folder
from distune.tuning.storage.records import read_journal
from distune.tuning.study.errors import StudyError
from distune.tuning.study.file import Study


def serve_dashboard(study: Study, folder: Folder, port: int) -> None:
    """Serve a copy of a search, as it is now, on this machine's loopback address, until Ctrl-C."""
    if importlib.util.find_spec("optuna_dashboard") is None:
        raise StudyError(
            "distune ui --optuna needs the package optuna-dashboard, which is not installed: pip install 'distune[optuna]'"
        )
    from optuna_dashboard import run_server

    copy = named_copy(study, folder)
    print(
        f"optuna-dashboard of {folder}, {n_of(len(copy.trials), 'trial')} as they are now: http://127.0.0.1:{port} (Ctrl-C ends it)",
        flush=True,
    )
    try:
        run_server(copy._storage, host="127.0.0.1", port=port)
    except OSError as error:
        raise StudyError(f"--port: cannot listen at 127.0.0.1:{port}: {error.strerror}") from error


def named_copy(study: Study, folder: Folder) -> optuna.Study:
    """The trials of a search in memory, the objectives by their names and the scores of epochs as intermediate values.

    The search's own journal has no intermediate values: samplers would read them, and weigh trials that were stopped early by them.
    """
    names = {"score": f"dev {study.config.metric.title}", "latency_ms": "latency hint, ms"}
    search, _ = read_journal(study.config, folder)
    copy = optuna.create_study(study_name=f"{study.config.name} {folder.place.name}", directions=search.directions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        copy.set_metric_names([names[name] for name in study.config.search.figures])
    trials = [trial for trial in search.get_trials() if "config" in trial.user_attrs or trial.state.is_finished()]
    for trial in trials:
        trial.intermediate_values = {int(epoch): score for epoch, score, _ in trial.user_attrs.get("curve", ())}
    copy.add_trials(trials)
    return copy
