"""The pages of the front door, complete without JavaScript: form, receipt and status, e-mail link, messages.

Guarantee: every value is escaped, nothing is inline and nothing comes from another site, so the strictest content
security policy holds; every page is one small document and one cached stylesheet. Holds no work in hand.
"""

from ingest.pages.assets import Asset
from ingest.pages.moments import ZONES
from ingest.pages.nik_words import nik_in_words
from ingest.pages.renderer import Pages
from ingest.pages.views import CheckView, EmailLinkView, FieldProblem, FormView, Link, MessageView, StatusView, Typed

__all__ = [
    "ZONES",
    "Asset",
    "CheckView",
    "EmailLinkView",
    "FieldProblem",
    "FormView",
    "Link",
    "MessageView",
    "Pages",
    "StatusView",
    "Typed",
    "nik_in_words",
]
