"""A questionnaire, one question a page: the question large, its answer, Back and Next always at the same place."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from app.offline.forms.pages import PageKind
from app.presenters.form_views import FieldKind, FieldView, FormCommands, FormInput, FormView, SummaryRow
from app.ui import names
from app.ui.style import Kind
from app.ui.widgets.buttons import ActionButton
from app.ui.widgets.form_choices import ChoicesField
from app.ui.widgets.form_fields import FilesField, FormField, ReadField, WrittenField
from app.ui.widgets.layout import Card, KeyedRows, ScrollColumn, ground
from app.ui.widgets.text import SentenceLine, Text, announce


class SummaryCard(Card):
    """One question with its answer, and the way back to it."""

    def __init__(self, row: SummaryRow, jump: FormCommands) -> None:
        super().__init__(14, 4)
        self._question = Text(role="quiet")
        self._answer = Text(role="strong")
        self._says = Text()
        self._change = ActionButton(names.form_change(row.key), self.tr("Change"), "", Kind.SECONDARY)
        self._change.on_press(lambda: jump.jump_form(row.key))
        words = QVBoxLayout()
        words.setSpacing(2)
        for label in (self._question, self._answer, self._says):
            words.addWidget(label)
        line = QHBoxLayout()
        line.setSpacing(14)
        line.addLayout(words, 1)
        line.addWidget(self._change, 0, Qt.AlignmentFlag.AlignVCenter)
        self.body.addLayout(line)

    def draw(self, row: SummaryRow) -> None:
        self._question.say(row.question)
        self._answer.say(row.answer or self.tr("No answer"))
        self._says.say(row.says)
        self._says.setVisible(bool(row.says))
        self.mark(bool(row.says))
        label = self.tr("Answer now") if row.says and not row.answer else self.tr("Change")
        self._change.set_label(label)
        self._change.setAccessibleName(f"{label}: {row.question}")


class FormPage(QWidget):
    """Draws FormView; `commands` hears what the person does. It asks nothing of the presenters but these two."""

    def __init__(self, commands: FormCommands) -> None:
        super().__init__()
        ground(self, "page")
        self.setObjectName(names.FORM)
        self._commands = commands
        self._shown: FormView | None = None
        self._field: FormField | None = None
        self._close = ActionButton(names.FORM_CLOSE, self.tr("Save and leave"), "saved", Kind.SECONDARY)
        self._close.on_press(self._leave)
        self._title = Text(role="heading", name=names.FORM_TITLE)
        self._progress = Text(role="quiet", name=names.FORM_PROGRESS)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(self.tr("How far you are"))
        self._group = Text(role="quiet", name=names.FORM_GROUP)
        self._before = Text(name=names.FORM_BEFORE)
        self._question = Text(role="title", name=names.FORM_QUESTION)
        self._help = Text(role="quiet", name=names.FORM_HELP)
        self._optional = Text(role="quiet", name=names.FORM_OPTIONAL)
        self._hint = Text(role="quiet", name=names.FORM_HINT)
        self._place = QVBoxLayout()
        self._says = SentenceLine(names.FORM_SAYS)
        self._add_row = ActionButton(names.FORM_ADD_ROW, self.tr("Add one more"), "plus", Kind.SECONDARY, large=True)
        self._add_row.on_press(lambda: commands.add_form_row(self._key()))
        self._rows: KeyedRows[SummaryRow, SummaryCard] = KeyedRows(
            lambda row: row.key, lambda row: SummaryCard(row, commands), "form.rows"
        )
        self._back = ActionButton(names.FORM_BACK, self.tr("Back"), "previous", Kind.SECONDARY, large=True)
        self._next = ActionButton(names.FORM_NEXT, self.tr("Next"), "next", Kind.PRIMARY, large=True)
        self._finish = ActionButton(
            names.FORM_FINISH, self.tr("My answers are right"), "good", Kind.PRIMARY, large=True
        )
        self._back.on_press(lambda: commands.back_form(self._key(), self.given()))
        self._next.on_press(self._go_on)
        self._finish.on_press(commands.finish_form)
        self._gone: list[ActionButton] = []
        self._lay_out()

    def show_view(self, view: FormView) -> None:
        """Draws a state. The field is made anew for another page or another shape of it, and kept otherwise."""
        before, self._shown = self._shown, view
        new = before is None or before.key != view.key
        self._title.say(view.title)
        self._progress.say(self._progress_words(view))
        self._bar.setRange(0, view.of)
        self._bar.setValue(view.number)
        self._bar.setAccessibleDescription(self._progress.words())
        self._say(self._group, view.group)
        self._say(self._before, "\n\n".join(text for text in view.before if text))
        self._question.say(self._question_words(view))
        self._question.setVisible(bool(self._question.words()))
        self._say(self._help, "\n".join((*view.help, *view.links)))
        asks = view.field is not None and view.field.kind not in (FieldKind.READ, FieldKind.NONE)
        self._say(self._optional, self.tr("You do not have to answer this.") if asks and view.optional else "")
        self._say(self._hint, view.field.hint if view.field is not None else "")
        self._draw_field(view, new, before)
        self._draw_repeats(view)
        self._rows.show_rows(view.rows, lambda card, row: card.draw(row))
        self._rows.setVisible(view.kind is PageKind.SUMMARY)
        self._says.say(view.says)
        self._draw_buttons(view)
        if new:
            self._scroll.verticalScrollBar().setValue(0)
            if self.isVisible():
                self.first_focus().setFocus()
                announce(self._question, self._question.words())

    def given(self) -> FormInput:
        """What stands in the field now."""
        return self._field.given() if self._field is not None else FormInput()

    def first_focus(self) -> QWidget:
        """Where the keyboard begins on a new page."""
        place = self._field.first_focus() if self._field is not None and not self._field.isHidden() else None
        if place is not None and place is not self._field:
            return place
        return self._finish if self._shown is not None and self._shown.kind is PageKind.SUMMARY else self._next

    def _draw_field(self, view: FormView, new: bool, before: FormView | None) -> None:
        old = before.field if before is not None else None
        if new or _shape(view.field) != _shape(old):
            more = old is not None and view.field is not None and len(view.field.texts) > len(old.texts)
            if self._field is not None:
                self._place.removeWidget(self._field)
                self._field.hide()
                self._field.deleteLater()
            self._field = self._make(view) if view.field is not None else None
            if self._field is not None:
                self._place.addWidget(self._field)
                if more and not new and (place := self._field.first_focus()) is not None:
                    place.setFocus()
        elif self._field is not None and view.field is not None:
            self._field.draw(view.field)

    def _make(self, view: FormView) -> FormField:
        field = view.field
        assert field is not None
        if field.kind in (FieldKind.ONE, FieldKind.MANY):
            return ChoicesField(field, lambda: self._commands.answer_form(self._key(), self.given()), self._go_on)
        if field.kind is FieldKind.FILES:
            return FilesField(field, self._commands, self._key)
        if field.kind in (FieldKind.READ, FieldKind.NONE):
            return ReadField(field)
        return WrittenField(field, self._go_on, self._one_more, view.question)

    def _draw_repeats(self, view: FormView) -> None:
        for button in self._gone:
            self._repeat_rows.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._gone = []
        for row in view.repeats if view.kind is PageKind.REPEAT else ():
            words = self.tr("Take away: {name}").format(name=row.label)
            button = ActionButton(names.form_remove(row.number), words, "close", Kind.SECONDARY)
            button.on_press(partial(self._remove_row, row.number))
            self._repeat_rows.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
            self._gone.append(button)
        self._add_row.setVisible(view.kind is PageKind.REPEAT and view.can_add_row)

    def _draw_buttons(self, view: FormView) -> None:
        last = view.kind is PageKind.SUMMARY
        self._next.setVisible(not last)
        self._next.set_label(self.tr("No, go on") if view.kind is PageKind.REPEAT else self.tr("Next"))
        self._add_row.set_label(self.tr("Yes, add one more"))
        self._finish.setVisible(last)
        self._finish.setEnabled(view.ready and not view.busy)
        self._back.setEnabled(view.number > 1 and not view.busy)
        self._next.setEnabled(not view.busy)
        if self._field is not None and view.field is not None and view.field.kind is FieldKind.FILES:
            self._field.setEnabled(not view.busy)

    def _question_words(self, view: FormView) -> str:
        if view.kind is PageKind.SUMMARY:
            return self.tr("Are your answers right?") if view.ready else self.tr("Some answers are still missing")
        if view.kind is PageKind.REPEAT:
            return self.tr("{name}: is there one more to add?").format(name=view.question)
        return view.question

    def _progress_words(self, view: FormView) -> str:
        if view.kind is PageKind.SUMMARY:
            return self.tr("Last page: please look through your answers")
        return self.tr("Page {n} of {of}").format(n=view.number, of=view.of)

    def _remove_row(self, number: int) -> None:
        self._commands.remove_form_row(self._key(), number)

    def _one_more(self) -> None:
        given = self.given()
        self._commands.answer_form(self._key(), FormInput((*given.texts, ""), given.chosen, given.other, given.units))

    def _go_on(self) -> None:
        self._commands.next_form(self._key(), self.given())

    def _leave(self) -> None:
        if self._field is not None:
            self._commands.answer_form(self._key(), self.given())
        self._commands.close_form()

    def _key(self) -> str:
        return self._shown.key if self._shown is not None else ""

    @staticmethod
    def _say(label: Text, words: str) -> None:
        label.say(words)
        label.setVisible(bool(words))

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(14)
        head.addWidget(self._title, 1)
        head.addWidget(self._close, 0)
        self._scroll = ScrollColumn()
        self._repeat_rows = QVBoxLayout()
        self._repeat_rows.setSpacing(8)
        column = self._scroll.column
        for widget in (self._group, self._before, self._question, self._help, self._optional, self._hint):
            column.addWidget(widget)
        column.addLayout(self._place)
        column.addWidget(self._says)
        column.addLayout(self._repeat_rows)
        column.addWidget(self._add_row)
        column.addWidget(self._rows)
        column.addStretch(1)
        buttons = QHBoxLayout()
        buttons.setSpacing(12)
        buttons.addWidget(self._back, 1)
        buttons.addWidget(self._next, 2)
        buttons.addWidget(self._finish, 2)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(24, 14, 24, 16)
        outer.setSpacing(8)
        outer.addLayout(head)
        outer.addWidget(self._progress)
        outer.addWidget(self._bar)
        outer.addWidget(self._scroll, 1)
        outer.addLayout(buttons)


def _shape(field: FieldView | None) -> object:
    """What the field's widgets are made of, values aside."""
    if field is None:
        return None
    files = field.texts if field.kind is FieldKind.FILES else len(field.texts)
    labels = tuple((choice.key, choice.label) for choice in field.choices)
    return field.kind, files, labels, field.other is None, field.units
