"""Every page of the dashboard with what it may have to show: a usual day, nothing at all, and what attacks."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, available_timezones

from adapters.stores.sql.audit import Action, Entry
from adapters.stores.sql.operators import Operator, Role
from adapters.stores.sql.sign_ins import SignIn
from bot.dashboard import pages
from bot.dashboard.audit_page import Line
from bot.dashboard.managing import Link, Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.responses import HTMLResponse

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 9, 13, 5, 7, tzinfo=UTC)
BIDI = "\u202e\u2066\u202d\u2067\u061c\u200f\u2028\ufeff"
ATTACK = f"\"><script>alert(1)</script>' onfocus=alert(1) x='{BIDI}{{{{7*7}}}}"
LONG = "W" * 100_000
ERRORS = (400, 403, 404, 405, 413, 429, 500, 503)
ROLES = [
    ("owner", "reveals names, exports, erases, and manages operators"),
    ("admin", "runs the service and reads no text"),
    ("reviewer", "reads text under pseudonyms"),
    ("auditor", "reads the audit log and the works council's page"),
]


@dataclass(frozen=True, slots=True)
class Sample:
    """A page, and what it is given."""

    template: str
    path: str
    me: Operator | None = None
    insecure: bool = False
    context: Mapping[str, Any] = field(default_factory=dict)

    def shown(self, language: str) -> HTMLResponse:
        return pages.render(
            self.template,
            language=language,
            zone=ZONE,
            me=self.me,
            path=self.path,
            insecure=self.insecure,
            **self.context,
        )


def usual() -> dict[str, Sample]:
    """A day on which some things are stuck."""
    return _filled(lambda text: text) | {
        "home, all well": Sample("home.html", "/admin", operator(), context=home()),
        "sign-in": Sample("sign_in.html", "/admin/sign-in", context={"name": "", "next": "/admin", "error": None}),
    }


def hostile() -> dict[str, Sample]:
    """Whatever people can write is an attack, or endless."""
    attacked = _filled(lambda _: ATTACK)
    endless = {f"{name}, endless": sample for name, sample in _filled(lambda _: LONG).items()}
    return {name: sample for name, sample in {**attacked, **endless}.items() if sample.context}


def empty() -> dict[str, Sample]:
    """Nothing is there yet, or nothing matches."""
    me = operator()
    nothing: dict[str, Any] = {"entries": [], "actions": [], "people": [], "older": None}
    all_time = {"action": "", "operator": "", "days": None}
    return {
        "home": Sample("home.html", "/admin", me, context={**home(), "platforms": []}),
        "operators": Sample("operators.html", "/admin/operators", me, context={**operators(), "rows": []}),
        "account": Sample("account.html", "/admin/account", me, context={**account(), "sign_ins": []}),
        "audit, nothing yet": Sample("audit.html", "/admin/audit", me, context={**nothing, "chosen": all_time}),
        "audit, no match": Sample(
            "audit.html", "/admin/audit?days=7", me, context={**nothing, "chosen": {**all_time, "days": 7}}
        ),
        "sign-in": Sample("sign_in.html", "/admin/sign-in", context={"name": "", "next": "", "error": None}),
    }


def failing(language: str) -> dict[str, HTMLResponse]:
    """Every error's page."""
    found = {
        str(status): pages.error(status, language=language, zone=ZONE, me=operator(), path="/admin/x")
        for status in ERRORS
    }
    stranger = pages.error(403, language=language, zone=None, me=None, path="/admin/sign-in", foreign=True)
    return found | {"403, from another page": stranger}


def operator(name: str = "Nora Beispiel", role: Role = Role.OWNER, **changed: Any) -> Operator:
    """An account. Names are samples."""
    values = {"id": f"id-{role.value}", "workspaces": None, "has_password": True, "created_at": NOW}
    return Operator(name=name, role=role, **{**values, **changed})


def home(**changed: Any) -> dict[str, Any]:
    """All is well, unless changed."""
    platforms = [("slack", None), ("telegram", None), ("web", None)]
    calm = {"model": None, "platforms": platforms, "waiting": 2, "oldest_seconds": 4.2, "parked": 0, "unreadable": 0}
    return {**calm, **changed}


def operators(**changed: Any) -> dict[str, Any]:
    """The owner's page, without anybody."""
    form = {"name": "", "role": "reviewer", "workspaces": None}
    known = [("slack", "T0123456789"), ("telegram", "plausch_bot"), ("web", "web")]
    given = {"rows": [], "roles": ROLES, "known_workspaces": known, "link": None, "error": None, "form": form}
    return {**given, **changed}


def account(**changed: Any) -> dict[str, Any]:
    """The own page, without sign-ins."""
    given = {"sign_ins": [], "current_id": "here", "zones": sorted(available_timezones()), "current_zone": ZONE.key}
    return {**given, "error": None, "done": None, **changed}


def _filled(text: Callable[[str], str]) -> dict[str, Sample]:
    me = operator(text("Nora Beispiel"))
    reset = {"operator": me, "purpose": "reset", "error": text("The two passwords are not the same.")}
    wrong = {"name": text("nora"), "next": text("/admin/audit?days=7"), "error": text("Name or password is wrong.")}
    return {
        "sign-in, refused": Sample("sign_in.html", "/admin/sign-in", insecure=True, context=wrong),
        "dropped": Sample("dropped.html", "/admin/signed-in", insecure=True),
        "dropped, secure": Sample("dropped.html", "/admin/signed-in"),
        "invitation": Sample(
            "link.html", "/admin/link/x", context={"operator": me, "purpose": "invitation", "error": None}
        ),
        "reset": Sample("link.html", "/admin/link/x", insecure=True, context=reset),
        "link over": Sample("link_over.html", "/admin/link/x"),
        "home": Sample("home.html", "/admin", me, context=_stuck(text)),
        "operators": Sample("operators.html", "/admin/operators", me, context=_staff(me, text)),
        "account": Sample("account.html", "/admin/account", me, context=_signed_in(text)),
        "audit": Sample("audit.html", f"/admin/audit?{text('days=7')}", me, context=_noted(me, text)),
    }


def _stuck(text: Callable[[str], str]) -> dict[str, Any]:
    platforms = [("slack", text("The token was revoked.")), (text("telegram"), None), ("web", None)]
    model = text("Nothing answers at http://gpu.example.com:8080.")
    return home(model=model, platforms=platforms, waiting=1204, oldest_seconds=1000, parked=3, unreadable=1)


def _staff(me: Operator, text: Callable[[str], str]) -> dict[str, Any]:
    limited = (("slack", text("T0123456789")), ("telegram", text("another_bot")))
    theirs = operator(text("Ole Muster"), Role.REVIEWER, workspaces=limited)
    fresh = operator(text("Ada Probe"), Role.AUDITOR, has_password=False)
    rows = [
        Row(me, datetime.now(UTC), signed_in=True, me=True),
        Row(theirs, datetime.now(UTC) - timedelta(days=3), signed_in=False, me=False),
        Row(fresh, None, signed_in=False, me=False),
    ]
    link = Link(text("https://plausch.example.com/admin/link/kq0Zt3y9bDPBgbl1nXh2mWvU7eCs8aRfYo5iJ4xLTd6"), fresh.name)
    typed = {"name": text("Kim Vorlage"), "role": "admin", "workspaces": (("slack", text("T0123456789")),)}
    return operators(rows=rows, link=link, error=text("There is an operator of this name already."), form=typed)


def _signed_in(text: Callable[[str], str]) -> dict[str, Any]:
    firefox, safari = text("Firefox 150, Linux"), text("Safari 26, iPhone")
    sign_ins = [
        SignIn("here", firefox, text("192.0.2.17"), NOW, NOW, None),
        SignIn("there", safari, text("2001:db8::8a2e:370:7334"), NOW - timedelta(days=1), NOW, None),
        SignIn("past", safari, text("192.0.2.17"), NOW - timedelta(days=9), NOW - timedelta(days=8), NOW),
    ]
    return account(sign_ins=sign_ins, error=text("Your current password is wrong."), done=text("Saved."))


def _noted(me: Operator, text: Callable[[str], str]) -> dict[str, Any]:
    def line(number: int, hours: int, action: str, who: str | None, subject: str, detail: str | None) -> Line:
        digest = f"{number * 7_654_321:08x}" * 8
        at = NOW - timedelta(hours=hours)
        return Line(Entry(number, at, None if who is None else me.id, action, text(subject), detail, digest), who)

    named, sample = me.name, text("Ole Muster")
    entries = [
        line(1042, 0, "audit_read", named, "", text("action=&operator=&days=7")),
        line(1041, 1, "operator_changed", named, sample, text("reviewer, slack T0123456789")),
        line(1040, 2, "sign_in_failed", named, "", ""),
        line(1039, 20, "link_made", None, sample, None),
        line(1038, 26, text("something_new"), named, sample, text("a reason")),
    ]
    gone = Line(Entry(1037, NOW - timedelta(days=2), "id-gone", "signed_in", "", "", "0" * 64), None)
    return {
        "entries": [*entries, gone],
        "actions": [action.value for action in Action],
        "people": [(me.id, named), ("id-reviewer", sample)],
        "chosen": {"action": "audit_read", "operator": me.id, "days": 7},
        "older": "/admin/audit?days=7&before=1037",
    }
