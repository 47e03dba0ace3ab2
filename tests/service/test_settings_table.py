from pathlib import Path

from service.settings import Settings
from service.settings_table import describe_settings, table

PAGE = Path(__file__).parents[2] / "service" / "SETTINGS.md"


def test_the_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == table(), "python -m service.settings_table > service/SETTINGS.md"


def test_every_setting_is_a_row_with_its_variable_default_and_bounds() -> None:
    settings = {setting.name: setting for setting in describe_settings()}
    assert list(settings) == list(Settings.model_fields)
    port = settings["port"]
    assert (port.flag, port.variable, port.default, port.bounds) == ("--port", "CHAINZRULE_PORT", "8080", "0 to 65535")
    assert settings["receive_seconds"].bounds == "above 0, at most 3600"
    assert settings["max_rows"].bounds == "1 or more"
    assert settings["api_keys"].flag is None
    assert all(setting.meaning and setting.section for setting in settings.values())


def test_the_variables_are_those_that_are_read() -> None:
    prefix = Settings.model_config["env_prefix"]
    assert {setting.variable for setting in describe_settings()} == {
        f"{prefix}{name.upper()}" for name in Settings.model_fields
    }
