"""Slack: requests as messages, clicks as decisions of people who are known.

It knows Slack and no database. What people decide in Slack is decided elsewhere, as on the web;
here is what comes from Slack, made certain, and what goes to Slack, made fit for it.
"""
