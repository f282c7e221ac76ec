"""The command palette: every action with its key; what is refused here says why."""

from __future__ import annotations

from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content

from .actions import ACTIONS, Action, key_name, refusal
from .screens.doing import ActingScreen


class ActionProvider(Provider):
    """Finds actions by their words."""

    def _rows(self) -> list[tuple[Action, str]]:
        screen = self.screen
        if not isinstance(screen, ActingScreen):
            return []
        situation = screen.situation()
        known = [action for action in ACTIONS if hasattr(screen, f"action_{action.name}") and action.name != "commands"]
        return [(action, refusal(action.name, situation)) for action in known]

    def _help(self, action: Action, reason: str) -> str:
        keys = " ".join(key_name(key) for key in action.keys)
        return f"{keys}   {reason or action.help}" if keys else reason or action.help

    async def discover(self) -> Hits:
        """All of them, in the order of the help."""
        for action, reason in self._rows():
            name = Content(_title(action))
            yield DiscoveryHit(name, partial(self._run, action), _title(action), self._help(action, reason))

    async def search(self, query: str) -> Hits:
        """Those that match, best first."""
        matcher = self.matcher(query)
        for action, reason in self._rows():
            # What an action is called counts more than a word somewhere in its help.
            score = max(2 * matcher.match(_title(action)), matcher.match(f"{_title(action)} {action.help}"))
            if score > 0:
                shown = matcher.highlight(_title(action))
                yield Hit(score, shown, partial(self._run, action), _title(action), self._help(action, reason))

    async def _run(self, action: Action) -> None:
        await self.screen.run_action(action.name)


def _title(action: Action) -> str:
    names = {"run_or_retry": "run or retry", "switch": "tree or panes", "help": "show the keys", "quit": "quit parex"}
    return names.get(action.name, action.name.replace("_", " ")).capitalize()
