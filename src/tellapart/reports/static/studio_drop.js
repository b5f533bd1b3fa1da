// A file of decisions, saved by a page that was mailed, is dropped on the studio: what it would change and contradict
// is shown first.

import { element, grouped } from "tellapart/dom.js";

const MOST = 12;

function conflictList(conflicts) {
  if (!conflicts.length) return null;
  const line = ({ path, before, applied }) =>
    element(
      "li",
      {},
      element("span", { class: "path" }, path),
      element("span", {}, `${before}; the file says: ${applied}`),
    );
  const more = conflicts.length > MOST ? element("li", {}, `and ${grouped(conflicts.length - MOST)} more`) : null;
  return element(
    "div",
    {},
    element("h3", {}, `${grouped(conflicts.length)} contradict what holds now`),
    element("ul", { class: "groups long" }, ...conflicts.slice(0, MOST).map(line), more),
    element("p", { class: "muted" }, "What the file says will hold; Undo takes it back."),
  );
}

function ask(name, found, ontake) {
  const dialog = element("dialog", { class: "ask", "aria-label": "Take over decisions" });
  const close = () => dialog.close();
  const take = element(
    "button",
    {
      type: "button",
      class: "press strong",
      onclick: () => {
        close();
        ontake();
      },
    },
    `Take over ${grouped(found.new)}`,
  );
  const unmet = found.unmet ? ` ${grouped(found.unmet)} match no image here.` : "";
  const words = found.new
    ? `${grouped(found.new)} decisions change something here.`
    : "Nothing in it changes anything here.";
  dialog.append(
    element("h2", {}, name),
    element("p", {}, words + unmet),
    conflictList(found.conflicts) ?? "",
    element(
      "p",
      { class: "presses" },
      found.new ? take : null,
      element("button", { type: "button", class: "press", onclick: close }, "Close"),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

export function mountDrop(store, say) {
  const isFile = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
  addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    document.body.classList.add("is-dropping");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) document.body.classList.remove("is-dropping");
  });
  addEventListener("drop", async (event) => {
    document.body.classList.remove("is-dropping");
    const [file] = event.dataTransfer?.files ?? [];
    if (!file) return;
    event.preventDefault();
    const text = await file.text();
    const found = await store.apply(file.name, text, true);
    if (!found) return;
    ask(file.name, found, async () => {
      const step = await store.apply(file.name, text, false);
      if (step) say(`${grouped(step.changed)} decisions taken over from ${file.name}`);
    });
  });
}
