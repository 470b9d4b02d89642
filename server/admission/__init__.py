"""Admission: how many (limit), who next (queue), until when (deadline), and the ticket that a request holds."""

from server.admission.account import Account
from server.admission.desk import Desk
from server.admission.tenants import Tenants
from server.admission.ticket import Ticket
from server.admission.turn import Turn

__all__ = ["Account", "Desk", "Tenants", "Ticket", "Turn"]
