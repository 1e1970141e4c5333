// The frame: addresses (#/collection/NAME/points …), the bar of links, keyboard, theme, the question for the key.

import { forgetKey, hasKey, setKey } from "./api.js";
import { collections, info } from "./collections.js";
import { consolePage } from "./console.js";
import { address, failure, h } from "./dom.js";
import { mapPage } from "./map.js";
import { point } from "./point.js";
import { points } from "./points.js";
import { search } from "./search.js";

const main = document.getElementById("main");
const OF_COLLECTION = { points, search, map: mapPage, info };

function place() {
  const [path] = location.hash.replace(/^#\/?/, "").split("?");
  try {
    return path.split("/").filter(Boolean).map(decodeURIComponent);
  } catch {
    return ["?"];
  }
}

function pageOf([first, name, view = "points", id]) {
  if (first === undefined) return () => collections();
  if (first === "console") return () => consolePage();
  if (first === "collection" && view === "point" && id !== undefined) return () => point(name, id);
  if (first === "collection" && name !== undefined && Object.hasOwn(OF_COLLECTION, view)) return () => OF_COLLECTION[view](name);
  return () => { throw new Error("There is no such page."); };
}

let shown = 0;
async function show() {
  const parts = place();
  const turn = ++shown;
  drawNavigation(parts);
  document.title = [...parts.slice(parts[0] === "collection" ? 1 : 0).reverse(), "minidb"].join(" · ");
  main.setAttribute("aria-busy", "true");
  let content;
  try {
    content = await pageOf(parts)();
  } catch (error) {
    content = error.status === 401 ? keyForm(error) : wrong(error, parts);
  }
  if (turn !== shown) return;
  main.removeAttribute("aria-busy");
  main.replaceChildren(...[content].flat());
  main.focus({ preventScroll: true });
}

function drawNavigation([first, name, view = "points"]) {
  const links = [["Collections", address(), first === undefined]];
  if (first === "collection" && name !== undefined) {
    for (const page of Object.keys(OF_COLLECTION)) {
      links.push([page[0].toUpperCase() + page.slice(1), address("collection", name, page), page === view]);
    }
  }
  links.push(["Console", address("console"), first === "console"]);
  const forget = hasKey() && h("a", { href: location.hash || "#/", onclick: () => { forgetKey(); show(); } }, "Forget key");
  document.getElementById("nav").replaceChildren(
    ...links.map(([text, href, current]) => h("a", { href, "aria-current": current ? "page" : null }, text)),
    ...(forget ? [forget] : []),
  );
}

function wrong(error, [first, name]) {
  const title = first === "collection" && name !== undefined ? name : "minidb";
  return [h("h1", {}, title), failure(error), h("p", {}, h("a", { href: address() }, "All collections"))];
}

function keyForm(error) {
  const input = h("input", { type: "password", id: "key", autocomplete: "off", required: true });
  const submit = (event) => {
    event.preventDefault();
    setKey(input.value);
    show();
  };
  const wrong = hasKey() ? h("p", { class: "red", role: "alert" }, error.message) : null;
  return h("form", { class: "card", onsubmit: submit },
    h("h1", {}, "This server needs an API key"), wrong,
    h("label", { for: "key" }, "API key (kept until this tab is closed)"), input, h("p", {}, h("button", { class: "main" }, "Open")));
}

// Theme: the system's, or what was chosen here.

function applyTheme() {
  const chosen = localStorage.getItem("minidb-theme");
  const dark = chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  document.documentElement.dataset.theme = dark ? "dark" : "light";
  document.dispatchEvent(new Event("theme"));
}

document.getElementById("theme").addEventListener("click", () => {
  localStorage.setItem("minidb-theme", document.documentElement.dataset.theme === "dark" ? "light" : "dark");
  applyTheme();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);

// Keyboard

const keys = document.getElementById("keys");
document.getElementById("help").addEventListener("click", () => keys.showModal());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

let afterG = false;
const GO = { c: "", r: "console", p: "points", s: "search", m: "map", i: "info" };

function go(letter) {
  const [first, name] = place();
  if (letter === "c" || letter === "r") location.hash = address(...(letter === "r" ? ["console"] : []));
  else if (first === "collection") location.hash = address("collection", name, GO[letter]);
}

function move(step) {
  const links = [...main.querySelectorAll("a")];
  const at = links.indexOf(document.activeElement);
  links[Math.min(links.length - 1, Math.max(0, at + step))]?.focus();
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.target.form?.requestSubmit();
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
  const wasG = afterG;
  afterG = event.key === "g";
  if (wasG && event.key in GO) go(event.key);
  else if (event.key === "/") {
    event.preventDefault();
    main.querySelector("input:not([type=checkbox]), textarea")?.focus();
  } else if (event.key === "?") keys.showModal();
  else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
});

applyTheme();
addEventListener("hashchange", show);
show();
