// Elements in one line: element("button", {class: "quiet", onclick: go}, "Go"). Words become text, never markup.

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "style")
      made.style.cssText = value; // as an attribute a strict content policy would not let it pass
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const percent = (share, digits = 1) => {
  for (let places = digits; places < 5; places += 1) {
    const text = (100 * share).toFixed(places);
    if (share === 0 || share === 1) return `${Math.round(100 * share)}\u00a0%`;
    if (Number(text) !== 0 && Number(text) !== 100) return `${text}\u00a0%`;
  }
  return `${(100 * share).toFixed(5)}\u00a0%`;
};

export const grouped = (number) => number.toLocaleString("en-US");

// An image by image_id, or a quiet box where there is none.
export function thumbnail(thumbnails, imageId, words) {
  const source = imageId && thumbnails[imageId];
  if (source) return element("img", { src: source, alt: words, decoding: "async", draggable: "false" });
  return element("span", { class: "no-image", role: "img", "aria-label": `${words} (no image kept)` });
}

// All elements that match a selector.
export const all = (selector) => /** @type {HTMLElement[]} */ ([...document.querySelectorAll(selector)]);

// A menu with its name before it; `key` names it for the style and the tests.
export function labeledSelect(label, key, options, onchange) {
  const menu = { onchange: (event) => onchange(event.target.value) };
  return element(
    "label",
    { class: "select", "data-filter": key },
    element("span", {}, label),
    element("select", menu, ...options.map(([value, words]) => element("option", { value }, words))),
  );
}

// A row of buttons of which one is chosen, each [key, words, number?];
// arrow keys move the choice, a click or Enter also ends it (onend).
export function choice(root, { label, options, value, onchoice, onend = () => {} }) {
  root.setAttribute("role", "radiogroup");
  root.setAttribute("aria-label", label);
  root.classList.add("choice");
  const buttons = options.map(([key, words, number]) =>
    element(
      "button",
      {
        type: "button",
        role: "radio",
        "data-key": key,
        onclick: () => {
          choose(key, true);
          onend();
        },
      },
      words,
      number === undefined ? null : element("span", { class: "n" }, number),
    ),
  );
  const choose = (key, isUser) => {
    const isAny = buttons.some((button) => button.dataset.key === key);
    for (const button of buttons) {
      const isChosen = button.dataset.key === key;
      button.setAttribute("aria-checked", String(isChosen));
      button.tabIndex = isChosen || (!isAny && button === buttons[0]) ? 0 : -1;
      if (isChosen && isUser && root.contains(document.activeElement)) button.focus();
    }
    if (isUser) onchoice(key);
  };
  root.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = buttons.findIndex((button) => button.getAttribute("aria-checked") === "true");
    choose(buttons[(at + step + buttons.length) % buttons.length].dataset.key, true);
  });
  root.replaceChildren(...buttons);
  choose(value, false);
  return { choose: (key) => choose(key, false) };
}

// JSON that the page carries.
export const carried = (id) => JSON.parse(document.getElementById(id).textContent);

const still = matchMedia("(prefers-reduced-motion: reduce)");
export const scrollTo = (node, block = "start") =>
  node.scrollIntoView({ behavior: still.matches ? "auto" : "smooth", block });

// Ctrl+Z presses the bar's Undo, but not while something is being typed.
export function undoByKey() {
  document.addEventListener("keydown", (event) => {
    const isTyping = /** @type {Element} */ (event.target).closest("input, textarea");
    if (!(event.ctrlKey || event.metaKey) || event.key !== "z" || isTyping) return;
    event.preventDefault();
    /** @type {HTMLElement} */ (document.querySelector("[data-bar=undo]")).click();
  });
}
