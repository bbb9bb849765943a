"""Renders every page to bytes.

Templates and texts are read and compiled once, by the constructor, so that a missing file or a template error stops the
start and not an applicant. What does not depend on the applicant is rendered then too: the blank form, which most
visitors see, costs a few joins of bytes; a problem page is rendered once for each language, code and wait.
"""

from collections.abc import Mapping
from functools import lru_cache, partial
from types import MappingProxyType

from markupsafe import escape

from ingest import templating, wording
from ingest.pages import assets
from ingest.pages.assets import Asset
from ingest.pages.form_layout import arrange
from ingest.pages.moments import ZONES, moment_for_machines, moment_in_words
from ingest.pages.views import AssessmentView, EmailLinkView, FormView, Link, MessageView, StatusView
from ingest.wording import LANGUAGES, Language

_KEY_SLOT, _CSRF_SLOT = "slot-for-the-key", "slot-for-the-csrf-token"
_PROBLEM_PAGES_KEPT = 1024
_TIME_MENDS = frozenset({"overloaded", "dependency_down"})
_SCRIPTS = ("form", "status", "photo", "test", "waiting")
_NOT_BACK_TO_THE_FORM = frozenset({"token_invalid"})
"""Problems of people who registered already: sent to the form, they would register a second time."""


class Pages:
    """All pages in both languages, as UTF-8 HTML. Blocks only in its constructor, which reads files."""

    assets: Mapping[str, Asset]
    """The static files by the path to serve them at."""

    def __init__(self) -> None:
        stylesheet, icon, regions = assets.stylesheet(), assets.icon(), assets.regions()
        scripts = {name: {language: assets.script(name, language) for language in LANGUAGES} for name in _SCRIPTS}
        written = [script for versions in scripts.values() for script in versions.values()]
        self.assets = MappingProxyType({asset.path: asset for asset in (stylesheet, icon, regions, *written)})
        environment = templating.environment("ingest.pages")
        environment.globals |= {"stylesheet": stylesheet.path, "icon": icon.path, "regions": regions.path}
        environment.globals |= {"wording": wording, "arrange": arrange, "scripts": scripts, "zones": tuple(ZONES)}
        environment.filters |= {"moment": moment_in_words, "iso": moment_for_machines}
        self._form = environment.get_template("form.html")
        self._status = environment.get_template("status.html")
        self._assessment = environment.get_template("assessment.html")
        self._email_link = environment.get_template("email_link.html")
        self._message = environment.get_template("message.html")
        self._waiting = environment.get_template("waiting.html")
        self._blank_forms = {language: self._blank_form_parts(language) for language in LANGUAGES}
        self._email_done = {language: self._render_email_done(language) for language in LANGUAGES}
        self._problem = lru_cache(maxsize=_PROBLEM_PAGES_KEPT)(self._render_problem)

    def blank_form(self, language: Language, *, key: str, csrf: str) -> bytes:
        """The form as a first visitor sees it: the same bytes as `form`, without rendering anything."""
        before, between, after = self._blank_forms[language]
        return b"".join((before, escape(key).encode(), between, escape(csrf).encode(), after))

    def form(self, language: Language, view: FormView) -> bytes:
        """The form with what was typed, all problems at once, and the notice, if any."""
        layout = arrange(view)
        return self._form.render(language=language, t=_texts(language), view=view, layout=layout).encode()

    def status(self, language: Language, view: StatusView) -> bytes:
        """The receipt of one registration and where its checks stand."""
        return self._status.render(language=language, t=_texts(language), view=view).encode()

    def assessment(self, language: Language, view: AssessmentView) -> bytes:
        """The test and the wave of one applicant."""
        return self._assessment.render(language=language, t=_texts(language), view=view).encode()

    def email_link(self, language: Language, view: EmailLinkView) -> bytes:
        """The page behind the mailed link; looking at it changes nothing."""
        return self._email_link.render(language=language, t=_texts(language), view=view).encode()

    def email_done(self, language: Language) -> bytes:
        """What the applicant sees once the e-mail is verified."""
        return self._email_done[language]

    def message(self, language: Language, view: MessageView) -> bytes:
        """A page that only says something."""
        return self._message.render(language=language, t=_texts(language), view=view).encode()

    def waiting(self, language: Language) -> bytes:
        """The page for while the door is full; it depends on nobody, so that it can be served from elsewhere."""
        return self._waiting.render(language=language, t=_texts(language)).encode()

    def problem(self, language: Language, code: str, *, wait_seconds: float | None = None) -> bytes:
        """The page for a problem code, with a link to the form where that helps; `wait_seconds` as in Retry-After.

        Cheap when repeated, so that refusing a crowd costs next to nothing.
        """
        return self._problem(language, code, None if wait_seconds is None else wording.wait(wait_seconds, language))

    def _render_problem(self, language: Language, code: str, wait: str | None) -> bytes:
        said = wording.problem(code, language)
        to_form = Link(f"/?lang={language}", wording.text("page.back.form", language))
        back = None if code in _NOT_BACK_TO_THE_FORM else to_form
        view = MessageView(title=said.title, text=said.detail, wait=wait, back=back, tries_again=code in _TIME_MENDS)
        return self.message(language, view)

    def _render_email_done(self, language: Language) -> bytes:
        title, said = (wording.text(f"page.email_done.{part}", language) for part in ("title", "text"))
        return self.message(language, MessageView(title=title, text=said))

    def _blank_form_parts(self, language: Language) -> tuple[bytes, bytes, bytes]:
        """The blank form cut where its two secrets go."""
        page = self.form(language, FormView(key=_KEY_SLOT, csrf=_CSRF_SLOT))
        before, _, rest = page.partition(_KEY_SLOT.encode())
        between, _, after = rest.partition(_CSRF_SLOT.encode())
        return before, between, after


def _texts(language: Language) -> partial[str]:
    """`t("form.title")` in a template is the text of `page.form.title`."""
    return partial(_page_text, language)


def _page_text(language: Language, code: str) -> str:
    return wording.text(f"page.{code}", language)
