// What every page of the studio has: the theme, undo and redo, and one line that says what happened.

import { element, grouped } from "tellapart/dom.js";
import { get, post } from "tellapart/studio_api.js";
import { mountDrop } from "tellapart/studio_drop.js";
import { openStore } from "tellapart/studio_store.js";
import { mountTheme } from "tellapart/theme.js";

const SAID_MS = 6000;
const LOOK_MS = 3000;
const find = (id) => document.getElementById(id);
let timer = 0;

export function say(words, kind = "") {
  const line = find("said");
  line.textContent = words;
  line.className = `said ${kind}`;
  clearTimeout(timer);
  timer = window.setTimeout(() => {
    line.textContent = "";
  }, SAID_MS);
}

export const sayError = (error) => say(error.message, "is-wrong");

// The sentence on runs that are not offered because they are of other folders.
export const othersLine = (words) => (words ? element("p", { class: "muted others" }, words) : null);

function waiting(main, { title, done, total, error }) {
  const counted = total ? `: ${grouped(done)} of ${grouped(total)}` : done ? `: ${grouped(done)}` : "";
  const bar = total ? element("progress", { max: total, value: done }) : element("progress");
  main.replaceChildren(
    element(
      "section",
      { class: "waiting", role: "status" },
      element("h1", {}, error ? "This folder cannot be used" : "Reading the folder"),
      element("p", { class: "muted" }, error ?? `${title}${counted}`),
      ...(error ? [] : [bar]),
    ),
  );
}

const isTyping = (target) => target.closest("input, textarea, select, [contenteditable]");

function mountSteps(store) {
  const [undo, redo] = /** @type {HTMLButtonElement[]} */ ([find("undo"), find("redo")]);
  const tell = () => {
    undo.disabled = !store.canUndo();
    redo.disabled = !store.canRedo();
  };
  const act = async (name) => {
    const step = await store[name]();
    if (step) say(`${name === "undo" ? "Undone" : "Done again"}: ${grouped(step.rows.length)} changed`);
    tell();
  };
  undo.addEventListener("click", () => act("undo"));
  redo.addEventListener("click", () => act("redo"));
  document.addEventListener("keydown", (event) => {
    const isZ = event.key.toLowerCase() === "z" && !event.altKey;
    if (!isZ || isTyping(/** @type {Element} */ (event.target))) return;
    event.preventDefault();
    act(event.shiftKey ? "redo" : "undo");
  });
  store.onchange(tell);
  tell();
}

// A button for files that were added or taken out since the folder was read.
function mountFiles(button) {
  let isReading = false;
  const tell = ({ new: added, gone }) => {
    const words = [added ? `${grouped(added)} new` : "", gone ? `${grouped(gone)} gone` : ""]
      .filter(Boolean)
      .join(", ");
    button.hidden = !words;
    const isOne = added + gone === 1;
    button.textContent = `${words} ${isOne ? "file: read it" : "files: read them"}`;
  };
  const look = async () => {
    if (document.hidden) return;
    try {
      if (isReading) reading(await get("/api/status"));
      else tell(await get("/api/files"));
    } catch {
      /* the store says that the studio does not answer */
    }
  };
  const reading = ({ is_checking: goesOn, done, total, error }) => {
    isReading = goesOn;
    button.disabled = goesOn;
    if (goesOn) button.textContent = total ? `Reading: ${grouped(done)} of ${grouped(total)}` : "Reading …";
    else if (error) say(error, "is-wrong");
  };
  button.addEventListener("click", async () => {
    try {
      reading(await post("/api/rescan", {}));
    } catch (error) {
      sayError(error);
    }
  });
  addEventListener("focus", look);
  setInterval(look, LOOK_MS);
  look();
}

// Mount a page: `mount(main, store)` is called once the folder is read.
export async function mountPage(mount) {
  const main = find("main");
  mountTheme(find("theme"));
  try {
    const store = await openStore((status) => waiting(main, status));
    store.onerror = sayError;
    mountSteps(store);
    mountDrop(store, say);
    mountFiles(find("files"));
    main.replaceChildren();
    await mount(main, store);
  } catch (error) {
    console.warn(error.message);
    waiting(main, { title: "", done: 0, total: null, error: error.message });
  }
}
