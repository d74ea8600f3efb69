"""What people do in Slack: who they are, what they decide by it, and what they are told.

Slack itself is spoken with by `approvals.channels.slack`; whatever is decided goes through the
coordinator, as it does from the command line and the web.
"""
