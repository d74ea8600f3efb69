"""What the coordinator needs of the outside: a journal, a clock, and a place to inject faults.

The journal's adapters live in `sagas.journal`; every one of them passes the same conformance
suite. A method either does all of what it says, durably, or raises and has done nothing, with one
exception that the caller settles by reading back: a COMMIT whose answer was lost.

Pure.
"""

from sagas.ports.appending import (
    Applied,
    CloseQuestion,
    CreateSaga,
    FoldRequests,
    KeepPlaces,
    MoveGate,
    NoteAftermath,
    Op,
    OpenGate,
    OpenQuestion,
    Project,
    ReleaseLocks,
    SpendRule,
    Survived,
    Unit,
)
from sagas.ports.deliveries import (
    Announcement,
    Deliveries,
    Delivery,
    DeliveryState,
    NewDelivery,
    RoundUps,
    Settlement,
    Unannounced,
)
from sagas.ports.desk import Desk, Edits, LateAnswer
from sagas.ports.drills import Drill, Drills
from sagas.ports.entrance import ApiToken, Entrance, Keys, LoginLink, Scope, WebSession
from sagas.ports.faults import FaultPoints
from sagas.ports.journal import Journal
from sagas.ports.library import PAGE, Figures, Inbox, Library
from sagas.ports.limits import Limits
from sagas.ports.locks import Locking
from sagas.ports.ownership import ANY_NUMBER, Lease, Ownership, Suspects
from sagas.ports.rows import Loaded, QuestionRow, Request, SagaRow
from sagas.ports.rules import Delegations, Rules, RuleUse
from sagas.ports.store import Store
from sagas.ports.timing import Clock, Timekeeper

__all__ = [
    "ANY_NUMBER",
    "PAGE",
    "Announcement",
    "ApiToken",
    "Applied",
    "Clock",
    "CloseQuestion",
    "CreateSaga",
    "Delegations",
    "Deliveries",
    "Delivery",
    "DeliveryState",
    "Desk",
    "Drill",
    "Drills",
    "Edits",
    "Entrance",
    "FaultPoints",
    "Figures",
    "FoldRequests",
    "Inbox",
    "Journal",
    "KeepPlaces",
    "Keys",
    "LateAnswer",
    "Lease",
    "Library",
    "Limits",
    "Loaded",
    "Locking",
    "LoginLink",
    "MoveGate",
    "NewDelivery",
    "NoteAftermath",
    "Op",
    "OpenGate",
    "OpenQuestion",
    "Ownership",
    "Project",
    "QuestionRow",
    "ReleaseLocks",
    "Request",
    "RoundUps",
    "RuleUse",
    "Rules",
    "SagaRow",
    "Scope",
    "Settlement",
    "SpendRule",
    "Store",
    "Survived",
    "Suspects",
    "Timekeeper",
    "Unannounced",
    "Unit",
    "WebSession",
]
