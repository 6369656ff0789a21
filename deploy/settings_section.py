"""The section of docs/reference.md on the environment variables."""

import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from dashboard.settings import DashboardSettings
from deploy.markdown import table
from worker.setting_fields import documentation
from worker.settings import Settings
from worker.time_order import allowed_ms


def settings() -> str:
    """Return the section on the environment variables."""
    own = set(DashboardSettings.model_fields) - set(Settings.model_fields)
    page_fields = {name: field for name, field in DashboardSettings.model_fields.items() if name in own}
    return f"""## Settings

Settings are environment variables or lines of `.env` in the working directory; an environment variable has priority
over `.env`, and an empty value counts as unset. A wrong value ends the program with exit code 2 and one line that names
the setting, the value and what is allowed. All programs that use Kafka, Redis or a model read these settings:

{_settings_table(Settings.model_fields)}
The live page, `python -m dashboard`, also reads:

{_settings_table(page_fields)}"""


def _settings_table(fields: Mapping[str, FieldInfo]) -> str:
    rows = [
        (
            f"`{name.upper()}`",
            _shown_default(field),
            _allowed(name, field),
            field.description or "",
            documentation(field)["change"],
        )
        for name, field in fields.items()
    ]
    return table(("Setting", "Default", "Unit or values", "Meaning", "When to change it"), rows)


def _shown_default(field: FieldInfo) -> str:
    shown = documentation(field).get("shown")
    if shown is None and isinstance(field.default, SecretStr | Path):
        raise TypeError(f"{field.description!r}: a secret or a path as default needs `shown`")
    value = field.default if shown is None else shown
    return "unset" if value in (None, "") else f"`{value}`"


def _allowed(name: str, field: FieldInfo) -> str:
    """Return the unit and the bounds of a number, or the values of a choice.

    The bounds of a time-out are those of its field and those that the order of the time limits leaves.
    """
    if typing.get_origin(field.annotation) is Literal:
        return ", ".join(f"`{value}`" for value in typing.get_args(field.annotation))
    names = ("gt", "ge", "le")
    limits = {limit: getattr(each, limit) for limit in names for each in field.metadata if hasattr(each, limit)}
    least, most = allowed_ms(name.upper(), Settings.model_construct())
    bounds = [bound for bound in (limits.get("ge", least), limits.get("le", most)) if bound is not None]
    above = [f"above {limits['gt']:,}"] if "gt" in limits else []
    return " ".join([" to ".join([*above, *(f"{bound:,}" for bound in bounds)]), documentation(field)["unit"]]).strip()
