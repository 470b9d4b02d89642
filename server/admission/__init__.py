"""Admission: how many (limit), who next (queue), until when (deadline), and the ticket that a request holds."""

from server.admission.desk import Desk
from server.admission.ticket import Ticket

__all__ = ["Desk", "Ticket"]
