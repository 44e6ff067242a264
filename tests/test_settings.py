"""Settings: defaults without a file, typed keys, and refusals that name what would have been accepted."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.errors import SettingsError
from lab.settings import ENGINES, KEYS, Settings, read_settings

HOME = Path("/home/ada")


def settings_of(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "config.toml"
    file.write_text(text, encoding="utf-8")
    return read_settings(file, HOME)


def refusal_of(tmp_path: Path, text: str) -> SettingsError:
    with pytest.raises(SettingsError) as refused:
        settings_of(tmp_path, text)
    return refused.value


def test_no_file_and_an_empty_file_mean_the_defaults(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "config.toml", HOME) == Settings() == settings_of(tmp_path, "")


def test_every_key_is_read(tmp_path: Path) -> None:
    text = (
        'on = "context:prod"\nprometheus = "~/bin/prometheus"\neditor = "code --wait"\n'
        'namespace = "team-blue"\nimages = "registry.example:5000/team"\n'
    )
    assert settings_of(tmp_path, text) == Settings(
        on="context:prod",
        prometheus=HOME / "bin/prometheus",
        editor=("code", "--wait"),
        namespace="team-blue",
        images="registry.example:5000/team",
    )


def test_an_absolute_program_is_taken_as_it_is(tmp_path: Path) -> None:
    assert settings_of(tmp_path, 'prometheus = "/opt/p/prometheus"').prometheus == Path("/opt/p/prometheus")


def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path) -> None:
    refused = refusal_of(tmp_path, 'promethues = "/opt/p"')
    assert "did you mean prometheus?" in refused.message
    assert all(key in refused.next_step for key in KEYS)


def test_an_unknown_engine_lists_those_there_are(tmp_path: Path) -> None:
    refused = refusal_of(tmp_path, 'on = "swarm"')
    assert all(engine in refused.message for engine in ENGINES)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("on = 3", "must be text"),
        ('editor = " "', "must be text"),
        ('prometheus = "bin/prometheus"', "must start with"),
        ('namespace = "Team Blue"', "not a name of a namespace"),
        ('images = "https://registry.example"', "not a registry with a path"),
        ('on = "context:"', "is not one of"),
        ('editor = "vi \'x"', "not a command line"),
        ('[on]\nname = "embedded"', "must be text"),
    ],
)
def test_a_value_that_cannot_be_used_is_named(tmp_path: Path, line: str, what: str) -> None:
    assert what in refusal_of(tmp_path, line).message


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    message = refusal_of(tmp_path, 'on = "swarm"\ncolour = "red"\n').message
    assert "on:" in message
    assert "colour:" in message


def test_what_is_not_toml_says_where(tmp_path: Path) -> None:
    assert "line 1" in refusal_of(tmp_path, "on embedded").message


def test_a_file_that_cannot_be_read_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.toml").mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        read_settings(tmp_path / "config.toml", HOME)


def test_the_list_of_keys_is_the_list_of_settings() -> None:
    assert set(KEYS) == set(Settings.__dataclass_fields__)
