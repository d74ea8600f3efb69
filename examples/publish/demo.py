"""Two articles: the editor agrees to one and rejects the other.

Run as `python -m examples.publish.demo [DIRECTORY]`; with `--web` there is one article, and you are
the editor, in a browser. The CMS, the coordinators and the editor are
processes of their own; everything is driven through the `sagas` command.
"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from examples.console import Console, Run, invite, perform, title
from examples.publish.world import Site
from examples.reconcile import Calls, Effect

TARGET = "examples.publish.publishing:publishing.publish"

CALLS = {
    "create_draft": Calls("cms", "create", "delete"),
    "publish_draft": Calls("cms", "publish"),
}


def submit(site: Site, console: Console, slug: str, *, verb: str, reason: str) -> int:
    """Hand in an article, have the editor decide, and return the exit code of the saga."""

    def decide(run: Run) -> int:
        console.sagas(verb, console.gate_of(slug, run), "--reason", reason)
        return run.finish()

    return hand_in(site, console, slug, decide)


def hand_in(site: Site, console: Console, slug: str, decide: Callable[[Run], int]) -> int:
    """Hand in an article, and return the exit code of the saga once somebody has decided."""
    article = {"slug": slug, "title": "On undoing", "body": "Some things cannot be undone."}
    path = console.directory / f"{slug}.json"
    path.write_text(json.dumps(article))
    seen = len(site.ledger())
    with console.background("run", TARGET, "--input", f"@{path}", "--id", slug) as run:
        console.gate_of(slug, run)
        console.expect("nobody can read it before the editor agrees", site.page(slug) is None)
        code = decide(run)
    console.sagas("history", slug)
    ledger = [
        Effect("cms", line.kind, line.key, f"{line.kind} {line.subject}")
        for line in site.ledger()[seen:]
    ]
    console.reconcile(slug, CALLS, ledger, whose="the ledger of the CMS")
    return code


def play(directory: Path) -> int:
    """Play both and return the exit code."""
    with Site.start(directory) as site:
        console = Console.open(directory, ["editors"], site.environment)
        title("The editor agrees: the draft becomes a public page")
        code = submit(site, console, "on-undoing", verb="approve", reason="well said")
        console.expect("the saga completed", code == 0)
        console.expect("the page is public", site.page("on-undoing") is not None)
        title("The editor rejects: the draft is deleted, and nothing was public")
        code = submit(site, console, "on-doing", verb="reject", reason="said before")
        console.expect("the saga was undone, and nothing remains", code == 3)
        console.expect("the page is not public", site.page("on-doing") is None)
        return console.verdict()


def play_in_browser(directory: Path) -> int:
    """Play one article, which a person decides about in a browser; return the exit code."""
    with Site.start(directory) as site:
        console = Console.open(directory, ["editors"], site.environment)
        title("You are the editor: your yes makes the draft public, your no deletes it")
        with console.inbox(TARGET.rpartition(".")[0]) as link:

            def decide(run: Run) -> int:
                invite(link)
                return run.finish(None)

            code = hand_in(site, console, "on-undoing", decide)
        console.expect("the saga completed, or was undone", code in (0, 3))
        public = site.page("on-undoing") is not None
        console.expect(f"the page is {'' if public else 'not '}public", public is (code == 0))
        return console.verdict()


if __name__ == "__main__":
    sys.exit(perform(play, sys.argv[1:], web=play_in_browser))
