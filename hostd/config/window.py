"""Hours of the week as files have them."""

from typing import Self

from pydantic import Field, model_validator

from hostd.config import field_types
from hostd.config.section import Section
from hostd.config.yaml_positions import YamlMapping
from hostd.domain.schedule import split_window


class WindowSection(Section):
    """Hours of the week; an end before its start means past midnight."""

    days: field_types.Days = Field(description="Days, such as mon-fri, 'sat,sun', daily, weekdays, weekends.")
    start: field_types.Clock = Field(alias="from", description="When the window opens, HH:MM.")
    end: field_types.Clock = Field(alias="to", description="When the window closes, HH:MM.")

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.start == self.end:
            raise ValueError("the window ends when it begins; write from '00:00' to '24:00' for a whole day")
        return self


def long_window(value: object) -> object:
    """Return the long form of hours that are written as one text."""
    if not isinstance(value, str):
        return value
    table = YamlMapping()
    table["days"], table["from"], table["to"] = split_window(value)
    return table
