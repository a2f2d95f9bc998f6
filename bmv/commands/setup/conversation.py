"""One run of setup, from what is there to what was done. Questions are asked between the requests, never within."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from bmv.commands.exits import DONE, FAILED
from bmv.commands.setup import finding, inputs
from bmv.commands.setup.applying import Applier, Progress, step_by_step
from bmv.commands.setup.asking import Asker
from bmv.commands.setup.env_file import EnvFile
from bmv.commands.setup.finding import in_plain_words, signed_in
from bmv.commands.setup.inputs import Credentials, Tunnel
from bmv.commands.setup.journal import NAME, Journal, Records
from bmv.commands.setup.planning import Situation, plan
from bmv.commands.setup.request import SetupRequest, Unsettled
from bmv.commands.setup.selection import select
from bmv.commands.setup.setup_view import SetupView
from bmv.commands.setup.steps import Plan
from bmv.commands.setup.undoing import Undoer, UndoPlan, look_again, plan_undo
from bmv.config import Settings
from bmv.errors import SettingsError
from bmv.telephony.account import TwilioAccount
from bmv.telephony.rest import RestError

T = TypeVar("T")
Doing = Callable[[TwilioAccount, Progress], Awaitable[None]]

AGAIN = "Run setup again: what is done is not done twice. Or take it back: setup --undo"
UNDO_AGAIN = (
    "Run setup --undo again: it goes on from here. What you set by hand meanwhile, in the console, is left alone."
)


class Conversation:
    """One run, from what is there to what was done."""

    def __init__(self, request: SetupRequest, folder: Path, view: SetupView, asker: Asker, patience: float) -> None:
        self._request, self._view, self._asker = request, view, asker
        self._env, self._journal_path = EnvFile.of(folder), folder / NAME
        self._folder, self._patience = folder, patience
        self.begun = False
        """Whether anything may have been changed."""

    def set_up(self, tunnel: Tunnel) -> int:
        """Look, decide, do."""
        given = inputs.given(self._request, self._folder, self._asker, tunnel)
        journal = self._journal(given.credentials) or Journal(
            self._journal_path, Records(given.credentials.account_sid)
        )
        found = self._ask(given.credentials, lambda account: finding.look(account, given))
        journal.adopt([*found.flows, *found.apps])
        selection = select(found, given, self._request, self._asker)
        now = Situation(found, given, selection, journal, self._env.text(), self._env.sample())
        planned = plan(now, self._request)
        if not planned.steps:
            self._view.notes(planned.notes)
            self._view.say(f"Nothing to do: all of it leads to {given.host} already.")
            return DONE
        self._view.plan(planned.steps, planned.notes)
        if self._agreed("Do this?"):
            if not self._done(planned, given.credentials, journal):
                return FAILED
            self._view.whats_next(selection.caller.number, self._missing(), flex=given.destination is None)
        return DONE

    def undo(self) -> int:
        """The same backwards, from the journal."""
        if not self._journal_path.exists():
            self._view.say(f"Nothing to undo: there is no {NAME} in this folder.")
            return DONE
        credentials = inputs.credentials(self._folder, self._asker)
        journal = self._journal(credentials)
        assert journal is not None  # noqa: S101 - it is there, and was read
        present = self._ask(credentials, lambda account: look_again(account, journal))
        undo = plan_undo(journal, present, self._env.text(), force=self._request.force)
        self._view.plan(undo.steps, undo.notes) if undo.steps else self._view.notes(undo.notes)
        self._view.left(undo.left)
        if not undo.steps:
            self._view.say("Nothing to undo." if not undo.left else "Nothing else is to be undone.")
        if (undo.steps and not self._agreed("Undo this?")) or self._request.dry_run:
            return DONE
        if not self._undone(undo, credentials, journal):
            return FAILED
        if undo.steps and journal.empty:
            self._view.say("Everything is as it was before setup.")
        return DONE

    # --- deciding ----------------------------------------------------------------------------------------------------

    def _journal(self, credentials: Credentials) -> Journal | None:
        journal = Journal.read(self._journal_path)
        if journal and journal.records.account_sid != credentials.account_sid:
            raise Unsettled(
                f"{self._journal_path} tells what was changed in account {journal.records.account_sid}, and the "
                f"settings name {credentials.account_sid}. Nothing was changed. Undo it first with the settings of "
                "that account, or move the file away to give that up."
            )
        return journal

    def _agreed(self, question: str) -> bool:
        if self._request.dry_run:
            self._view.say("\nThis was a dry run: nothing was changed.")
            return False
        if self._request.yes:
            return True
        if not self._asker.present:
            raise Unsettled("Nothing was changed: nobody can be asked here. With --yes it is done.")
        if self._asker.agrees(f"\n{question}"):
            return True
        self._view.say("Nothing was changed.")
        return False

    def _missing(self) -> list[str]:
        """What still keeps the server from starting."""
        try:
            Settings.load(inputs.settings(self._folder))
        except SettingsError as error:
            return error.problems
        return []

    # --- doing -------------------------------------------------------------------------------------------------------

    def _ask(self, credentials: Credentials, question: Callable[[TwilioAccount], Awaitable[T]]) -> T:
        """Ask Twilio before anything is changed. Raises `SetupFailed` in plain words."""

        async def ask() -> T:
            async with signed_in(credentials, self._patience) as account:
                return await question(account)

        try:
            with self._view.console.status("Asking Twilio …"):
                return asyncio.run(ask())
        except RestError as error:
            raise in_plain_words(error, credentials) from error

    def _done(self, planned: Plan, credentials: Credentials, journal: Journal) -> bool:
        self._ask(credentials, lambda account: Applier(account, journal, self._env).check(planned))

        async def apply(account: TwilioAccount, progress: Progress) -> None:
            await step_by_step(progress, Applier(account, journal, self._env).do)

        return self._run(Progress(list(planned.steps)), apply, credentials, AGAIN)

    def _undone(self, undo: UndoPlan, credentials: Credentials, journal: Journal) -> bool:
        async def apply(account: TwilioAccount, progress: Progress) -> None:
            undoer = Undoer(account, journal, self._env, force=self._request.force)
            undoer.settle(undo)
            await step_by_step(progress, undoer.do)

        return self._run(Progress(list(undo.steps)), apply, credentials, UNDO_AGAIN)

    def _run(self, progress: Progress, apply: Doing, credentials: Credentials, remedy: str) -> bool:
        """Do it and tell how far it came; whether it came to the end."""

        async def run() -> None:
            async with signed_in(credentials, self._patience) as account:
                await apply(account, progress)

        self.begun = True
        try:
            asyncio.run(run())
        except KeyboardInterrupt:
            self._view.progress(progress, "stopped in the middle of it")
            self._view.say(remedy)
            raise
        failure = progress.failure
        words = in_plain_words(failure, credentials) if isinstance(failure, RestError) else failure
        self._view.progress(progress, str(words))
        if failure is not None:
            self._view.say(remedy)
        return failure is None
