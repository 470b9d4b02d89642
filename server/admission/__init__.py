"""Admission: how many (limit), who next (queue), until when (deadline), and the ticket that a request holds."""

from server.admission.desk import Desk
from server.admission.lane import ServiceClass
from server.admission.queue import Turn
from server.admission.ticket import Ticket

__all__ = ["Desk", "ServiceClass", "Ticket", "Turn"]
