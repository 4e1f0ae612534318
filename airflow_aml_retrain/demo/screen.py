"""
What a person sees while the story runs: steps that tick off, a bar for a run, the last table.

Where there is no terminal (CI), a step is one line when it is done, and bars are left out.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.rule import Rule

_WIDTH: Final = 100
_BAR: Final = 24


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar that is drawn; `show` moves it."""

    progress: Progress
    task: TaskID

    def show(self, done: int, total: int, doing: str) -> None:
        self.progress.update(self.task, completed=done, total=max(total, 1), doing=doing)


@dataclass(frozen=True, slots=True)
class Screen:
    """Where the story is told."""

    console: Console = field(default_factory=lambda: Console(highlight=False))

    def act(self, title: str) -> None:
        self.console.print(Rule(f"[bold]{title}[/]", align="left", style="cyan"), width=_WIDTH)

    def say(self, line: RenderableType) -> None:
        self.console.print(line, soft_wrap=isinstance(line, str))

    def fail(self, why: str) -> None:
        self.console.print("\n[bold red]This cannot go on[/]")
        # Not as markup: it may hold a log.
        self.console.print(why, markup=False, soft_wrap=True)

    @contextmanager
    def step(self, text: str) -> Iterator[Callable[[str], None]]:
        """One thing that is done; what is yielded takes a detail to show beside it."""
        details: list[str] = []
        began = time.monotonic()
        with self._marked(text, details, began), self.console.status(f"{text} ...") as status:

            def say(detail: str) -> None:
                details[:] = [detail]
                status.update(f"{text}: {detail} ...")

            yield say

    @contextmanager
    def bar(self, text: str) -> Iterator[Bar]:
        """One thing that takes long, and that knows how far it is."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(_BAR),
            TextColumn("{task.completed}/{task.total}"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[doing]}"),
        )
        began = time.monotonic()
        with (
            self._marked(text, [], began),
            Progress(
                *columns,
                console=self.console,
                transient=True,
                disable=not self.console.is_terminal,
            ) as progress,
        ):
            yield Bar(progress, progress.add_task(text, total=1, doing=""))

    @contextmanager
    def _marked(self, text: str, details: list[str], began: float) -> Iterator[None]:
        """Print how it went and how long it took, whichever way it ends."""
        mark = "[red]✗[/]"
        try:
            yield
            mark = "[green]✓[/]"
        finally:
            detail = f" [dim]({details[0]})[/]" if details else ""
            seconds = time.monotonic() - began
            line = f" {mark} {text}{detail} [dim]{seconds:.1f} s[/]"
            self.console.print(line, soft_wrap=True)
