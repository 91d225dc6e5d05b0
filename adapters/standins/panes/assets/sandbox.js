// Tabs where the three places do not fit beside each other, and the language of all of them.

const tabs = [...document.querySelectorAll("[role=tab]")];
const desks = tabs.map((tab) => document.getElementById(tab.getAttribute("aria-controls")));
const narrow = matchMedia("(max-width: 64rem)");

function show(index) {
  tabs.forEach((tab, at) => {
    tab.setAttribute("aria-selected", String(at === index));
    tab.tabIndex = at === index ? 0 : -1;
    desks[at].toggleAttribute("data-shown", at === index);
  });
}

function arrange() {
  for (const [at, desk] of desks.entries()) {
    desk.setAttribute("role", narrow.matches ? "tabpanel" : "region");
    desk.setAttribute("aria-labelledby", narrow.matches ? tabs[at].id : `name-${desk.id}`);
  }
}

tabs.forEach((tab, index) => {
  tab.addEventListener("click", () => show(index));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = (index + step + tabs.length) % tabs.length;
    show(next);
    tabs[next].focus();
  });
});

document.getElementById("language").addEventListener("click", (event) => {
  // The web chat reads the same cookie: cookies don't know ports.
  document.cookie = `plausch_language=${event.currentTarget.value}; path=/; max-age=15552000; SameSite=Lax`;
  location.reload();
});

narrow.addEventListener("change", arrange);
arrange();
