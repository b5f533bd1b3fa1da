// The key of each class: digits for the first ten, or whatever the reader chose; kept in this browser, by class name.

import { element } from "tellapart/dom.js";

const DIGITS = "1234567890";
export const TAKEN = new Set(["x", "u", "r", "z", "l", "p", "f", "enter", " ", "escape"]);

class ClassKeys {
  constructor(folder) {
    this.place = `tellapart-keys:${folder}`;
    this.own = this.remembered();
  }

  remembered() {
    try {
      return JSON.parse(localStorage.getItem(this.place) ?? "null") ?? {};
    } catch {
      return {};
    }
  }

  // [key, name] of the classes that have one.
  of(classNames) {
    const used = new Set(classNames.map((name) => this.own[name]).filter(Boolean));
    const free = [...DIGITS].filter((digit) => !used.has(digit));
    return classNames
      .map((name) => [this.own[name] ?? free.shift() ?? null, name])
      .filter(([key]) => key)
      .slice(0, 36);
  }

  nameOf(key, classNames) {
    return this.of(classNames).find(([own]) => own === key)?.[1] ?? null;
  }

  choose(name, key) {
    for (const [other, own] of Object.entries(this.own)) if (own === key) delete this.own[other];
    if (key) this.own[name] = key;
    else delete this.own[name];
    try {
      localStorage.setItem(this.place, JSON.stringify(this.own));
    } catch {
      /* it holds until the page is closed */
    }
  }

  // A field of one letter for each class.
  fields(classNames, onchange) {
    const keyOf = new Map(this.of(classNames).map(([key, name]) => [name, key]));
    const field = (name) =>
      element(
        "label",
        {},
        element("input", {
          type: "text",
          maxlength: 1,
          size: 1,
          value: keyOf.get(name) ?? "",
          onchange: ({ target }) => {
            const key = target.value.trim().toLowerCase();
            if (!TAKEN.has(key)) this.choose(name, key);
            onchange();
          },
        }),
        name,
      );
    return element(
      "details",
      { class: "own-keys" },
      element("summary", {}, "Choose the keys"),
      element("div", {}, ...classNames.map(field)),
    );
  }
}

export const classKeys = (folder) => new ClassKeys(folder);
