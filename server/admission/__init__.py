"""Admission: how many (limit), who next (queue), until when (deadline), and the ticket that a request holds."""

from server.admission.account import Account
from server.admission.desk import Desk
from server.admission.queue import Turn
from server.admission.tenants import Tenants
from server.admission.ticket import Ticket

__all__ = ["Account", "Desk", "Tenants", "Ticket", "Turn"]
