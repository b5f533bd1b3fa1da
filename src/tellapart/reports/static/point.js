// One image of the map: what it is called, where it belongs, what can be decided about it, and its nearest neighbors.

import { element, percent } from "tellapart/dom.js";
import { decisionWords } from "tellapart/facts.js";

export function pointDetail(i, { words, shots, names, neighborsOf, decisions, suggestions, decide, onpick, score }) {
  if (i < 0) {
    return element(
      "div",
      { class: "detail" },
      element(
        "p",
        { class: "empty" },
        "Click a point, or go there with the arrow keys, to see an image and its nearest neighbors. " +
          "Hold Shift and draw around points to select many.",
      ),
    );
  }
  const near = neighborsOf(i);
  const decision = decisions?.of(i) ?? null;
  const strange = score(i);
  return element(
    "div",
    { class: "detail" },
    element("div", { class: "portrait" }, shots.shot(i, { isLarge: true })),
    element("p", { class: "verdict" }, ...words(i)),
    element("p", { class: "path", title: "Path in the folder" }, names.path(i)),
    strange === null
      ? null
      : element("p", { class: "muted measures" }, `Stranger than ${percent(strange, 0)} of the images.`),
    decision ? element("p", { class: `decided is-${decision.action}` }, decisionWords(decision)) : null,
    decisions ? buttons(i, decision, { suggestions, decide }) : null,
    near.length ? element("h4", {}, "Most like it") : null,
    near.length
      ? element(
          "ul",
          { class: "near" },
          ...near.map(([other, cosine]) =>
            element(
              "li",
              {},
              element(
                "button",
                {
                  type: "button",
                  title: names.path(other),
                  "aria-label": `${names.file(other)}, cosine ${cosine.toFixed(2)}`,
                  onclick: () => onpick(other),
                },
                shots.shot(other, { isFileMeant: true }),
              ),
              element("span", { class: "name" }, ...words(other, true)),
              element("span", { class: "value" }, `cosine ${cosine.toFixed(2)}`),
            ),
          ),
        )
      : element("p", { class: "muted measures" }, "Its neighbors are not in this page: tellapart similar lists them."),
  );
}

function buttons(i, decision, { suggestions, decide }) {
  return element(
    "div",
    { class: "presses" },
    element("button", { type: "button", class: "press danger", onclick: () => decide([i], "exclude") }, "Exclude"),
    relabeling("Relabel to …", suggestions, (name) => decide([i], "relabel", name)),
    decision
      ? element("button", { type: "button", class: "press", onclick: () => decide([i], null) }, "Take back")
      : null,
  );
}

// A field for a name, with those that are there already to choose from, and a button.
export function relabeling(words, suggestions, onname, action = "Relabel") {
  const list = `names-${Math.random().toString(36).slice(2)}`;
  const field = element("input", { type: "text", list, placeholder: words, "aria-label": words, size: "14" });
  return element(
    "form",
    {
      class: "relabel",
      onsubmit: (event) => {
        event.preventDefault();
        if (field.value.trim()) onname(field.value.trim());
      },
    },
    field,
    element("datalist", { id: list }, ...suggestions.map((name) => element("option", { value: name }))),
    element("button", { type: "submit", class: "press" }, action),
  );
}
