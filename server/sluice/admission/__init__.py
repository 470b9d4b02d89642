"""Admission: how many (limit), who next (scheduler), until when (deadline), and the ticket that a request holds."""

from sluice.admission.account import Account
from sluice.admission.controller import AdmissionController
from sluice.admission.deadline import Standing
from sluice.admission.entry import Entry
from sluice.admission.tenants import Tenants
from sluice.admission.ticket import Ticket

__all__ = ["Account", "AdmissionController", "Entry", "Standing", "Tenants", "Ticket"]
