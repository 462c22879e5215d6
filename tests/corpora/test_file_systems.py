from __future__ import annotations

from datetime import timedelta

import pytest

from distune.corpora.file_systems import opened, this_machine


def settings_of(uri: str) -> tuple[dict[str, object], str]:
    system, root = opened(uri)
    _, (settings,) = system.__reduce__()
    return settings, root


def test_a_bucket_of_s3_has_the_settings_of_its_uri() -> None:
    settings, root = settings_of("s3://bucket/?region=eu-west-1&endpoint_override=host:1&scheme=http")
    assert (settings["region"], settings["endpoint_override"], settings["scheme"]) == ("eu-west-1", "host:1", "http")
    assert root == "bucket"


@pytest.mark.parametrize(("option", "tried_s"), [("", 20), ("&retry_limit_seconds=7", 7)])
def test_one_of_google_is_tried_for_as_long_as_its_uri_says_or_20_s(option: str, tried_s: int) -> None:
    settings, root = settings_of(f"gs://anonymous@bucket/?endpoint_override=host:1&scheme=http{option}")
    assert (settings["retry_time_limit"], settings["anonymous"]) == (timedelta(seconds=tried_s), True)
    assert (settings["endpoint_override"], root) == ("host:1", "bucket")


def test_a_folder_of_this_machine_is_as_arrow_opens_it(tmp_path: object) -> None:
    assert opened(f"file://{tmp_path}")[0] == this_machine()
