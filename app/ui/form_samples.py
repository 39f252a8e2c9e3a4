"""Sample views of a questionnaire's page in every state worth a look."""

from __future__ import annotations

from dataclasses import replace

from app.offline.forms.pages import PageKind
from app.presenters.form_views import ChoiceView, FieldKind, FieldView, FileWay, FormView, RepeatRow, SummaryRow
from app.presenters.views import Level, Sentence

_PLAIN = FormView(title="Before your visit", key="question/1", kind=PageKind.QUESTION, number=3, of=12)
_TWO_WAYS = (FileWay.PHOTO, FileWay.FILE)
_OFTEN = ("Not at all", "Several days", "More than half the days", "Nearly every day")


def _choices(*labels: str, chosen: int = -1) -> tuple[ChoiceView, ...]:
    return tuple(ChoiceView(str(n), label, n == chosen) for n, label in enumerate(labels))


def _asked(question: str, field: FieldView, **changes: object) -> FormView:
    return replace(_PLAIN, question=question, field=field, **changes)  # type: ignore[arg-type]


ROWS = (
    SummaryRow("question/1", "Do you feel well today?", "No"),
    SummaryRow("question/2", "What is your weight?", "82.5 kg"),
    SummaryRow("question/3", "When did it begin?", "", "Please answer this question."),
    SummaryRow("question/4", "Who is your family doctor?", "Cannot be answered here"),
)


def form_views() -> dict[str, FormView]:
    """Name -> view."""
    number = FieldView(FieldKind.NUMBER, ("82.5",), units=("kg", "lb"), unit=(0,), hint="From 20 to 400 kg.")
    low = Sentence("This is too low. Please write 20 kg or more.", Level.WARN)
    missing = Sentence(
        "Please answer this question. If you cannot answer it now, press Next again: you can come back to it at the "
        "end.",
        Level.WARN,
    )
    cannot = Sentence(
        "This question cannot be answered in this app. Your clinic will see that it was not asked. Please go on.",
        Level.NOTE,
    )
    return {
        "words": replace(
            _PLAIN,
            kind=PageKind.WORDS,
            number=1,
            before=(
                "These questions help Dr Lee before your visit. It takes about five minutes.",
                "You can stop at any time. What you have answered is kept.",
            ),
        ),
        "one": _asked(
            "Over the last two weeks, how often have you had little interest or pleasure in doing things?",
            FieldView(FieldKind.ONE, choices=_choices(*_OFTEN, chosen=1)),
            optional=False,
        ),
        "missing": _asked(
            "Do you feel well today?",
            FieldView(FieldKind.ONE, choices=_choices("Yes", "No")),
            optional=False,
            says=missing,
        ),
        "many": _asked(
            "Which of these have you had?",
            FieldView(FieldKind.MANY, choices=_choices("Fever", "A cough", "None of these", chosen=0), other=""),
            help=("Think of the last four weeks.",),
        ),
        "number": _asked("What is your weight?", number),
        "number-wrong": _asked("What is your weight?", replace(number, texts=("8",)), says=low),
        "date": _asked(
            "When did it begin?",
            FieldView(FieldKind.DATE, ("2026-11",)),
            help=("If you do not know the day, the month and year will do.",),
        ),
        "date-clock": _asked("When did you last take it?", FieldView(FieldKind.DATE_CLOCK, ("2026-11-24T14:30",))),
        "lines": _asked(
            "Which medicines do you take?",
            FieldView(FieldKind.LINE, ("Metformin 500 mg", ""), can_add=True),
            group="Medicines",
        ),
        "paragraph": _asked(
            "What troubles you most?", FieldView(FieldKind.PARAGRAPH, ("It itches at night, more on the left arm.",))
        ),
        "files": _asked(
            "Please add photos of your skin.",
            FieldView(FieldKind.FILES, ("Photo 1", "Photo 2"), can_add_file=True, ways=_TWO_WAYS, endings=("jpg",)),
        ),
        "files-all": _asked(
            "Please show us your wound, and the letter of the hospital if you have one.",
            FieldView(FieldKind.FILES, ("letter-of-the-hospital.pdf",), can_add_file=True, ways=tuple(FileWay)),
        ),
        "files-wait": _asked(
            "Please add photos of your skin.",
            FieldView(FieldKind.FILES, (), can_add_file=True, ways=_TWO_WAYS),
            says=Sentence("The file is being looked at. One moment…", Level.NOTE),
            busy=True,
        ),
        "read": _asked("Your body mass index", FieldView(FieldKind.READ, ("27.3 kg/m2",))),
        "unsupported": _asked("Who is your family doctor?", FieldView(FieldKind.NONE), says=cannot),
        "repeat": replace(
            _PLAIN,
            kind=PageKind.REPEAT,
            key="repeat/1",
            question="Relative",
            group="Your family",
            repeats=(RepeatRow(0, "Relative 1"), RepeatRow(1, "Relative 2")),
            can_add_row=True,
        ),
        "summary-missing": replace(_PLAIN, kind=PageKind.SUMMARY, key="summary/", number=12, rows=ROWS),
        "summary": replace(
            _PLAIN, kind=PageKind.SUMMARY, key="summary/", number=12, rows=(*ROWS[:2], ROWS[3]), ready=True
        ),
    }


FORM_STATES = (
    *("words", "one", "missing", "many", "number", "number-wrong", "date", "date-clock", "lines", "paragraph"),
    *("files", "files-all", "files-wait", "read", "unsupported", "repeat", "summary-missing", "summary"),
)
