"""What is remembered across deletions and restarts: the highest sequences that counted, and how late it has been.

Both exist so that going back revives nothing: deleting the newest license of a series does not bring an older one back,
nor does turning a clock back bring an expired one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from licet.core import bounds
from licet.core.errors import MemoryFormatError

Rank = tuple[int, int, str]
SeriesKey = tuple[str, str, str]


class _Series(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    subject: str
    series: str
    sequence: Annotated[int, Field(ge=0, le=bounds.SEQUENCE_MAX)]
    issued_at: Annotated[int, Field(ge=0, le=bounds.NUMERIC_DATE_MAX)]
    id: str


class _Issuer(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    mark: Annotated[int, Field(ge=0, le=bounds.NUMERIC_DATE_MAX)] | None = None
    series: list[_Series] = Field(default_factory=list)


class _Document(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True)

    issuers: dict[str, _Issuer]


@dataclass(frozen=True, slots=True)
class Memory:
    """Per issuer the latest instant seen, and per series the rank (sequence, iat, jti) of the highest that counted."""

    marks: Mapping[str, int] = field(default_factory=dict)
    highest: Mapping[SeriesKey, Rank] = field(default_factory=dict)  # (issuer, subject, series)

    def now(self, issuer: str, clock: int) -> int:
        """Give the effective instant for an issuer: the later of the clock and the mark, in epoch seconds."""
        return max(clock, self.marks.get(issuer, 0))

    def advanced_to(self, clock: int) -> "Memory":
        """Raise the marks of all issuers to a clock that is known to be right."""
        return replace(self, marks={issuer: max(mark, clock) for issuer, mark in self.marks.items()})

    def without_marks(self) -> "Memory":
        """Forget how late it has been, and keep the sequences: the way out after a clock that was wrong."""
        return replace(self, marks={})

    def dump(self) -> str:
        """Write as JSON, the same text for the same memory."""
        issuers = {
            issuer: _Issuer(
                mark=self.marks.get(issuer),
                series=[
                    _Series(subject=subject, series=series, sequence=sequence, issued_at=issued_at, id=token_id)
                    for (of, subject, series), (sequence, issued_at, token_id) in sorted(self.highest.items())
                    if of == issuer
                ],
            )
            for issuer in sorted({*self.marks, *(issuer for issuer, _, _ in self.highest)})
        }
        return _Document(issuers=issuers).model_dump_json(exclude_none=True)

    @classmethod
    def load(cls, text: str) -> "Memory":
        """Read what `dump` wrote.

        Raises:
            MemoryFormatError: the text is something else.
        """
        try:
            document = _Document.model_validate_json(text)
        except ValidationError as error:
            problem = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in problem["loc"])
            raise MemoryFormatError(f"the remembered sequences can't be read: {where}: {problem['msg']}") from error
        return cls(
            marks={issuer: entry.mark for issuer, entry in document.issuers.items() if entry.mark is not None},
            highest={
                (issuer, series.subject, series.series): (series.sequence, series.issued_at, series.id)
                for issuer, entry in document.issuers.items()
                for series in entry.series
            },
        )
