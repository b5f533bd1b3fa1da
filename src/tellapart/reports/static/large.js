// The current image as large as the window: Enter opens it, the left and right arrows go on to the next, Esc closes it.
// Two images of a group stand side by side, or in one place by turns: flicker shows what differs.

import { choice, element } from "tellapart/dom.js";

const TURN_MS = 700;

class Large {
  constructor(dialog, { image, facts, grid, pair = (_item) => null }) {
    this.dialog = dialog;
    this.image = image;
    this.factsOf = facts;
    this.grid = grid;
    this.pairOf = pair;
    this.mode = "beside";
    this.timer = 0;
    dialog.addEventListener("keydown", (event) => this.onkey(event));
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
    dialog.addEventListener("close", () => {
      clearInterval(this.timer);
      // the event comes late: whoever presses M meanwhile keeps the list of labels
      if (!document.activeElement?.closest("select, input, textarea")) grid().focus();
    });
    this.find("close").addEventListener("click", () => dialog.close());
  }

  find(name) {
    return this.dialog.querySelector(`[data-look=${name}]`);
  }

  onkey(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("select, input, textarea")) return;
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "f" && this.find("large").querySelector(".two")) {
      this.mode = this.mode === "beside" ? "flicker" : "beside";
      this.draw();
    } else if (step && !event.target.closest("[role=radio]")) this.grid().step(step);
    else return;
    event.preventDefault();
  }

  show() {
    if (!this.grid().current()) return;
    this.draw();
    if (this.dialog.open) return;
    this.dialog.showModal();
    this.find("large").focus();
  }

  draw() {
    clearInterval(this.timer);
    const item = this.grid().current();
    const pair = this.pairOf(item);
    this.find("large").replaceChildren(pair ? this.two(item, pair) : this.image(item));
    this.find("facts").replaceChildren(this.factsOf(item));
  }

  two(item, { other, words, otherWords }) {
    const figure = (one, caption) => element("figure", {}, this.image(one), element("figcaption", {}, caption));
    const [mine, its] = [figure(item, words), figure(other, otherWords)];
    const modes = element("div");
    const stage = element("div", { class: `two is-${this.mode}` }, modes, mine, its);
    choice(modes, {
      label: "Compare",
      value: this.mode,
      options: [
        ["beside", "Side by side"],
        ["flicker", "Flicker (f)"],
      ],
      onchoice: (mode) => {
        this.mode = mode;
        this.draw();
        this.find("large").focus();
      },
    });
    if (this.mode === "flicker") {
      its.classList.add("is-under");
      this.timer = setInterval(() => {
        for (const one of [mine, its]) one.classList.toggle("is-under");
      }, TURN_MS);
    }
    return stage;
  }

  facts() {
    return this.find("facts");
  }

  isOpen() {
    return this.dialog.open;
  }
}

export const mountLarge = (dialog, options) => new Large(dialog, options);
