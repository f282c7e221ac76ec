"""What the main screen and the task screen can both do with a task: ask where needed, send, say what was refused."""

from __future__ import annotations

from parex_tui.run.snapshot import FeatureView
from parex_tui.run.states import TaskElsewhere, TaskFailed

from .. import words
from ..actions import command_for, wants_retry
from ..looks import holder_told, name_of, running_tasks, undecided
from .changing import ChangingScreen
from .note import NoteScreen


class ActingScreen(ChangingScreen):
    """A screen with a situation: what is selected. Its actions check the refusal first and say it in a toast."""

    def action_run_or_retry(self) -> None:
        """Retry the selected task where that is what it needs, else run the batch."""
        situation = self.allowed("run_or_retry")
        if situation is None or situation.feature is None:
            return
        if situation.task is not None and wants_retry(situation.task):
            self.send(command_for("retry", situation.feature.key, situation.task.seq))
        else:
            self.send(command_for("run", situation.feature.key, ""))

    def action_retry_failed(self) -> None:
        """Retry every failed task of the batch."""
        situation = self.allowed("retry_failed")
        if situation is not None and situation.feature is not None:
            self.send(command_for("retry_failed", situation.feature.key, ""))

    def action_next_batch(self) -> None:
        """Go on in spite of what is undecided: asks, naming it."""
        situation = self.allowed("next_batch")
        if situation is None or situation.feature is None:
            return
        waiting = [
            f"{name_of(task)}  {'failed' if isinstance(task.state, TaskFailed) else 'undecided'}"
            for task in undecided(situation.feature)
        ]
        command = command_for("next_batch", situation.feature.key, "")
        self.confirmed("Go on to the next batch anyway?", [*waiting, "", "This is recorded."], "go on", command)

    def action_stop(self) -> None:
        """Stop one attempt: asks, naming the task."""
        situation = self.allowed("stop")
        if situation is not None and situation.feature is not None and situation.task is not None:
            task = situation.task
            lost = "The attempt ends; files it wrote stay."
            command = command_for("stop", situation.feature.key, task.seq)
            self.confirmed("Stop this task?", [name_of(task), "", lost], "stop it", command)

    def action_stop_all(self) -> None:
        """Stop every attempt of the feature: asks, naming the tasks."""
        situation = self.allowed("stop_all")
        if situation is not None and situation.feature is not None:
            names = running_names(situation.feature)
            question = f"Stop {words.plural(len(names), 'task')}?"
            command = command_for("stop_all", situation.feature.key, "")
            self.confirmed(question, [*names, "", "Nothing new is started."], "stop all", command)

    def action_take(self) -> None:
        """Run it here: asks, naming who has it."""
        situation = self.allowed("take")
        if situation is not None and situation.feature is not None:
            view = situation.feature
            details = [holder_told(view), "", "What runs goes on unharmed; the other parex starts nothing more."]
            self.confirmed("Take this run over?", details, "take over", command_for("take", view.key, ""))

    def action_pause(self) -> None:
        """Start nothing new."""
        situation = self.allowed("pause")
        if situation is not None and situation.feature is not None:
            self.send(command_for("pause", situation.feature.key, ""))

    def action_accept(self) -> None:
        """Take the task as done: asks for a note, which may be empty."""
        situation = self.allowed("accept")
        if situation is None or situation.feature is None or situation.task is None:
            return
        feature, seq = situation.feature.key, situation.task.seq

        def decided(note: str | None) -> None:
            if note is not None:
                self.send(command_for("accept", feature, seq, note))

        self.app.push_screen(NoteScreen("Accept as done", name_of(situation.task)), decided)

    def action_skip(self) -> None:
        """Go on without the task: asks."""
        situation = self.allowed("skip")
        if situation is not None and situation.feature is not None and situation.task is not None:
            command = command_for("skip", situation.feature.key, situation.task.seq)
            details = [name_of(situation.task), "", "Tasks that depend on it stay blocked."]
            self.confirmed("Skip this task?", details, "skip it", command)

    def action_reset(self) -> None:
        """Back to pending: asks."""
        situation = self.allowed("reset")
        if situation is not None and situation.feature is not None and situation.task is not None:
            command = command_for("reset", situation.feature.key, situation.task.seq)
            details = [name_of(situation.task), "", "Its file will say pending."]
            if isinstance(situation.task.state, TaskElsewhere) and not situation.task.state.stale:
                details.append("Another program seems to work on it just now.")
            self.confirmed("Put this task back to pending?", details, "reset it", command)

    async def action_edit(self) -> None:
        """Open the task's JSON, or the feature's, in the person's editor."""
        situation = self.allowed("edit")
        if situation is None or situation.feature is None:
            return
        if situation.task is not None:
            await self.dashboard.edit_file(situation.feature.key, situation.task.seq)
        elif situation.feature.feature.task_json is not None:
            await self.dashboard.open_file(situation.feature.feature.task_json)

    def action_commands(self) -> None:
        """Open the command palette."""
        self.app.action_command_palette()

    def action_help(self) -> None:
        """Show the keys that work here."""
        from .help import HelpScreen

        self.app.push_screen(HelpScreen.of(self))

    def action_quit(self) -> None:
        """Leave parex."""
        self.dashboard.ask_quit()


def running_names(view: FeatureView) -> list[str]:
    """Names of the tasks that run."""
    return [name_of(task) for task in running_tasks(view)]
