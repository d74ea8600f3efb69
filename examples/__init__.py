"""Worked examples: sagas against real services that run on this machine."""
