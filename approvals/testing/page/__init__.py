"""The local Slack as a person sees it: a page on loopback that shows it and clicks in it."""

from approvals.testing.page.serving import SlackPage

__all__ = ["SlackPage"]
