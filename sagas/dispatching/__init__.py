"""Bringing what waits for people to them: announcing, sending, and repairing messages.

Nothing here decides anything, and no saga waits for it.
"""
