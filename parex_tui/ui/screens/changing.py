"""Changes of task files, from any screen with a selected task: asks what to change, sends it as a command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

from parex_tui.run.rules import command
from parex_tui.run.snapshot import Command, Do, FeatureView, TaskView
from parex_tui.tasks.document import InvalidError, parse
from parex_tui.tasks.files import UnreadableError, read
from parex_tui.tasks.model import JsonValue, Status
from parex_tui.tasks.text import clean

from .. import fieldtext
from ..actions import BY_NAME, Situation, command_for, refusal
from ..changes import MENU, STATUS_MEANINGS, agents_seen, ring
from ..looks import name_of
from ..scratch import Scratch
from .acting import SituatedScreen
from .choices import Choice, ChoiceScreen
from .form import FormField, FormScreen
from .newforms import NAME_LIMIT, feature_form, task_form

OTHER: Final = "\x00other"
"""No agent can be called so: names are cleaned."""


class AtHand(NamedTuple):
    """The selected task, where something can be done to it."""

    situation: Situation
    view: FeatureView
    task: TaskView

    @property
    def where(self) -> tuple[str, str, str]:
        """Feature, seq, and the digest of the file as it was seen: a change is made to no other."""
        return self.view.key, self.task.seq, self.task.task.digest


class ChangingScreen(SituatedScreen):
    """What can be changed in the files of what is selected."""

    def _task_at_hand(self, name: str) -> AtHand | None:
        """What is selected, where an action on a task can be done; else the reason has been said."""
        situation = self.allowed(name)
        if situation is None or situation.feature is None or situation.task is None:
            return None
        return AtHand(situation, situation.feature, situation.task)

    def _edit(self, feature: str, seq: str, digest: str, changes: Mapping[str, JsonValue]) -> None:
        self.send(Command(Do.EDIT, feature, seq, changes=changes, digest=digest))

    def ask_choice(
        self,
        screen: ChoiceScreen,
        then: Callable[[tuple[str, ...]], None] | Callable[[tuple[str, ...]], Awaitable[None]],
    ) -> None:
        """Ask, and go on with what was chosen."""

        async def decided(values: tuple[str, ...] | None) -> None:
            if values is not None:
                going_on = then(values)
                if going_on is not None:
                    await going_on

        self.app.push_screen(screen, decided)

    # --- the menu

    def action_change(self) -> None:
        """Everything that can be changed of the selected task; of a feature, its fields."""
        situation = self.situation()
        if situation.feature is not None and situation.task is None:
            self.action_change_field()
            return
        if situation.feature is None or situation.task is None:
            self.say(refusal("change", situation))
            return
        choices = [
            Choice(name, BY_NAME[name].label, _now(name, situation.task), key, refusal(name, situation))
            for key, name in MENU
        ]

        async def decided(values: tuple[str, ...]) -> None:
            await self.run_action(values[0])

        self.ask_choice(ChoiceScreen("Change", name_of(situation.task), choices), decided)

    # --- one field

    def action_change_status(self) -> None:
        """Ask for one of the four."""
        found = self._task_at_hand("change_status")
        if found is None:
            return
        situation, (feature, seq, digest), task = found.situation, found.where, found.task
        now = task.task.status
        barred = refusal("accept", situation) and now is not Status.COMPLETED
        way = f"it is checked: {command('complete', found.view.feature.id, seq, 'what was done')}" if barred else ""
        choices = [
            Choice(status, status.value, meaning, reason=way if status is Status.COMPLETED else "")
            for status, meaning in STATUS_MEANINGS.items()
        ]

        def decided(values: tuple[str, ...]) -> None:
            status = Status(values[0])
            if status is now:
                return
            if status is Status.IN_PROGRESS:
                self.action_start()
            elif status is Status.BLOCKED:
                self.send(Command(Do.BLOCK, feature, seq, digest=digest))
            elif status is Status.PENDING and not refusal("reset", situation):
                self.send(command_for("reset", feature, seq))
            elif status is Status.COMPLETED:
                self.action_accept()
            else:
                self._edit(feature, seq, digest, {"status": status.value, "completed_at": None})

        self.ask_choice(ChoiceScreen("Status", name_of(task), choices, at=now or ""), decided)

    def action_change_title(self) -> None:
        """Ask for another title."""
        found = self._task_at_hand("change_title")
        if found is None:
            return
        task = found.task.task
        self._ask_text("Title", clean(task.path.name), task.title, "title", found.where)

    def _ask_text(self, label: str, subject: str, start: str, name: str, where: tuple[str, str, str]) -> None:
        limit = NAME_LIMIT if name == "title" else 200
        field = FormField("value", label, start=start, required=True, limit=limit)

        def decided(values: Mapping[str, JsonValue] | None) -> None:
            if values is not None and values["value"] != start.strip():
                self._edit(*where, {name: values["value"]})

        self.app.push_screen(FormScreen(label, subject, [field]), decided)

    def action_change_agent(self) -> None:
        """Ask for an agent: those that the project names, or any other."""
        found = self._task_at_hand("change_agent")
        if found is None:
            return
        (feature, seq, digest), task = found.where, found.task
        now = task.task.suggested_agent
        choices = [Choice(agent, agent) for agent in agents_seen(found.situation.snapshot)]
        choices.append(Choice(OTHER, "another", "type its name"))

        def decided(values: tuple[str, ...]) -> None:
            if values[0] == OTHER:
                self._ask_text("Agent", name_of(task), now, "suggested_agent", found.where)
            elif values[0] != now:
                self._edit(feature, seq, digest, {"suggested_agent": values[0]})

        self.ask_choice(ChoiceScreen("Agent", name_of(task), choices, at=now), decided)

    def action_change_parallel(self) -> None:
        """Turn it."""
        found = self._task_at_hand("change_parallel")
        if found is not None:
            self._edit(*found.where, {"parallel": not found.task.task.parallel})

    def action_change_needs(self) -> None:
        """Ask which tasks must be done before; a cycle is refused and named."""
        found = self._task_at_hand("change_needs")
        if found is None:
            return
        (feature, seq, digest), view, task = found.where, found.view, found.task
        now = task.task.depends_on
        gone = [Choice(need, need, "names no task here") for need in now if need not in view.tasks]
        after = _all_that_need(view, seq)
        choices = [
            Choice(one.seq, name_of(one), reason="needs this task" if one.seq in after else "")
            for one in view.tasks.values()
            if one.seq != seq
        ]

        def refuse(values: tuple[str, ...]) -> str:
            cycle = ring(view, seq, values)
            return f"That would be a cycle: {' needs '.join(cycle)}." if cycle else ""

        def decided(values: tuple[str, ...]) -> None:
            if set(values) != set(now):
                kept = [need for need in now if need in values]  # the order on disk, what is new after it
                self._edit(feature, seq, digest, {"depends_on": [*kept, *(one for one in values if one not in kept)]})

        title = f"{name_of(task)} needs"
        self.ask_choice(ChoiceScreen("Needs", title, [*gone, *choices], chosen=now, refuse=refuse), decided)

    def action_accept(self) -> None:
        """Take the task as done."""
        raise NotImplementedError

    def action_start(self) -> None:
        """Ask who works on it, outside of parex."""
        found = self._task_at_hand("start")
        if found is None:
            return
        (feature, seq, digest), task = found.where, found.task
        field = FormField("agent", "Who works on it", start=task.task.suggested_agent, required=True, limit=200)

        def decided(values: Mapping[str, JsonValue] | None) -> None:
            if values is not None:
                self.send(Command(Do.START, feature, seq, str(values["agent"]), digest=digest))

        self.app.push_screen(FormScreen("In progress", name_of(task), [field], save="sets it"), decided)

    def action_block(self) -> None:
        """Set it to blocked."""
        found = self._task_at_hand("block")
        if found is not None:
            feature, seq, digest = found.where
            self.send(Command(Do.BLOCK, feature, seq, digest=digest))

    # --- any field, in the editor

    def action_change_field(self) -> None:
        """Ask which field, then open its value in the person's editor."""
        situation = self.allowed("change_field")
        if situation is None or situation.feature is None:
            return
        feature, task = situation.feature, situation.task
        path = feature.feature.task_json if task is None else task.task.path
        if path is None:
            return
        try:
            content = read(path)
            values = parse(content.data).value
        except (UnreadableError, InvalidError) as error:
            self.say(f"Its file cannot be edited now: {error}")
            return
        if not isinstance(values, dict):
            self.say("Its file cannot be edited now: it is no JSON object.")
            return
        held = dict(values)
        choices = []
        for name in fieldtext.editable_fields(held) if task is not None else fieldtext.feature_fields(held):
            writing = fieldtext.writing_of(name, held.get(name))
            choices.append(Choice(name, clean(name, 60), writing.value if name in held else "not there yet"))

        async def decided(chosen: tuple[str, ...]) -> None:
            seq = "" if task is None else task.seq
            await self._edit_value(feature.key, seq, content.digest, chosen[0], held.get(chosen[0]))

        subject = feature.feature.id if task is None else name_of(task)
        self.ask_choice(ChoiceScreen("Edit a field", subject, choices), decided)

    async def _edit_value(self, feature: str, seq: str, digest: str, name: str, value: JsonValue) -> None:
        """Open one value; send it where it is another. What cannot be sent stays in its file, and is told."""
        writing = fieldtext.writing_of(name, value)
        before = fieldtext.to_text(value, writing)
        try:
            scratch = Scratch.of(name, before, ".json" if writing is fieldtext.Writing.JSON else ".txt")
        except OSError as error:
            self.say(f"No file for the editor can be made: {error.strerror}")
            return
        trouble = await self.dashboard.edit_scratch(scratch.path)
        try:
            after = scratch.text()
            if trouble or after == before:
                scratch.discard()
                self.say(trouble or "Nothing was changed.")
                return
            new = fieldtext.from_text(after, writing, value)
        except (OSError, ValueError) as error:
            self.say(f"{clean(str(error))}. Your text is kept in {scratch.path}")
            return
        if new == value and type(new) is type(value):
            scratch.discard()
            self.say("Nothing was changed.")
            return
        command = Command(Do.EDIT, feature, seq, changes={name: new}, digest=digest)
        self.dashboard.keep_scratch(scratch)
        if not self.send(command):
            self.dashboard.tell_scratch()

    # --- whole files

    def action_undo(self) -> None:
        """Take the last change back."""
        if self.allowed("undo") is not None:
            self.send(Command(Do.UNDO, ""))

    def action_new_task(self) -> None:
        """Ask for a new task's fields."""
        situation = self.allowed("new_task")
        if situation is None or situation.feature is None:
            return
        view = situation.feature

        def decided(values: Mapping[str, JsonValue] | None) -> None:
            if values is not None and self.send(Command(Do.NEW_TASK, view.key, changes=values)):
                self.await_task(view.key)

        at = situation.task.task if situation.task is not None else None
        agents = agents_seen(situation.snapshot)
        agent = at.suggested_agent if at is not None else agents[0] if agents else ""
        self.app.push_screen(FormScreen("New task", view.feature.id, task_form(view, agent)), decided)

    def action_new_feature(self) -> None:
        """Ask for a new feature's name and fields."""
        situation = self.allowed("new_feature")
        if situation is None:
            return
        names = frozenset(view.feature.path.name for view in situation.snapshot.features.values())

        def decided(values: Mapping[str, JsonValue] | None) -> None:
            if values is not None:
                changes = {name: value for name, value in values.items() if name != "folder"}
                if self.send(Command(Do.NEW_FEATURE, "", note=str(values["folder"]), changes=changes)):
                    self.await_feature()

        self.app.push_screen(FormScreen("New feature", "", feature_form(names)), decided)

    def await_task(self, feature: str) -> None:
        """Select the task that will be new in a feature, where this screen selects."""

    def await_feature(self) -> None:
        """Select the feature that will be new, where this screen selects."""

    def action_archive(self) -> None:
        """Archive, or bring back: asks."""
        situation = self.allowed("archive")
        if situation is None or situation.feature is None:
            return
        feature = situation.feature.feature
        if feature.archived:
            command = Command(Do.UNARCHIVE, situation.feature.key)
            self.confirmed(
                "Bring this feature back?", [feature.id, "", "It is moved out of completed/."], "do it", command
            )
        else:
            command = Command(Do.ARCHIVE, situation.feature.key)
            details = [feature.id, "", "It is moved to completed/ and its task.json closed."]
            self.confirmed("Archive this feature?", details, "archive it", command)

    def action_problems(self) -> None:
        """Show all that is wrong in the files."""
        from .problems import ProblemsScreen

        situation = self.allowed("problems")
        if situation is not None:
            view = situation.feature
            self.app.push_screen(ProblemsScreen(view.key if view is not None else ""))


def _all_that_need(view: FeatureView, seq: str) -> frozenset[str]:
    """The tasks that need one, by themselves or over others."""
    needed_by: dict[str, list[str]] = {}
    for one in view.tasks.values():
        for need in one.task.depends_on:
            needed_by.setdefault(need, []).append(one.seq)
    found: set[str] = set()
    waiting = [seq]
    while waiting:
        for after in needed_by.get(waiting.pop(), ()):
            if after not in found:
                found.add(after)
                waiting.append(after)
    return frozenset(found)


def _now(name: str, task: TaskView) -> str:
    """What a field holds now, for the menu."""
    one = task.task
    now = {
        "change_status": one.status_text,
        "change_title": one.title,
        "change_agent": one.suggested_agent or "none named",
        "change_parallel": f"{'yes' if one.parallel else 'no'}: turns it",
        "change_needs": ", ".join(one.depends_on) or "nothing",
        "change_field": "in your editor",
        "edit": "the whole file, in your editor",
    }
    return now.get(name, BY_NAME[name].help)
