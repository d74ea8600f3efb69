"""The statements about edits: revisions of what a gate asks, and edits that were refused.

Pure.
"""

ADD_REVISION = """
insert into revision ({revision}) values ($1, $2, $3, $4, $5, $6, $7, $8)
"""
"""Under the lock on the gate. A revision's number is taken once."""

REVISE_GATE = """
update gate set revision = $2, arguments = $3, digest = $4, stakes = $5, editor = $6, voted = 0,
    notify_at = 0
where id = $1
"""
"""Under the lock on the gate, after its state and its revision were looked at."""

REVISIONS = "select {revision} from revision where gate_id = $1 order by number"
"""Committed rows, which are never changed."""

REFUSED_EDIT = """
select 1 from refused_edit where gate_id = $1 and principal = $2 and made_at = $3
"""
"""Under the lock on the gate: whether a refusal is on the record whose answer was lost."""

RECORD_REFUSED_EDIT = """
insert into refused_edit (gate_id, {refused_edit})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
"""Under the lock on the gate."""

REFUSED_EDITS = "select {refused_edit} from refused_edit where gate_id = $1 order by id"
"""In the order in which they were ruled on."""
