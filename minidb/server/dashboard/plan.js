// A plan of `explain`: a tree with a bar for the share of the time.

import { h } from "./dom.js";

export function plan(root) {
  return h("ul", { class: "plan" }, branch(root, root.micros || 1));
}

function branch(step, whole) {
  const bar = h("i");
  bar.style.width = `${Math.max(1, (90 * step.micros) / whole)}px`;
  const facts = Object.entries(step.facts).map(([name, value]) => `${name} ${typeof value === "number" ? value.toLocaleString("en") : value}`);
  return h("li", {}, h("strong", {}, step.name), facts.length ? `: ${facts.join(", ")}` : "",
    h("div", { class: "micros" }, bar, `${Math.round(step.micros).toLocaleString("en")} µs`),
    step.steps.length ? h("ul", { class: "plan" }, step.steps.map((inner) => branch(inner, whole))) : null);
}
