// The answers for photos: a card each, how many of each class, and all of them as a table.

import { element, grouped, percent } from "tellapart/dom.js";

const SHOWN_CLASSES = 3;

// The class of an answer, or the words for none of them: an answer has probabilities, and perhaps what is
// predicted (costs may decide otherwise than the probabilities) and a familiarity.
export function verdict({ probabilities, predicted, familiarity }, { classNames, none }) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  const isNone = typeof familiarity === "number" && familiarity <= none?.familiarity;
  return { best, name: isNone ? none.name : (predicted ?? classNames[best]), share: probabilities[best], isNone };
}

// Bars of the most probable classes; where all are shown, and again and again, they keep their places.
export function bars(probabilities, classNames, { shown = SHOWN_CLASSES, isLive = false } = {}) {
  const order = probabilities.map((_, place) => place);
  if (!isLive || order.length > shown) order.sort((a, b) => probabilities[b] - probabilities[a]);
  return element(
    "ul",
    { class: "bars" },
    ...order.slice(0, shown).map((place) => {
      const fill = element("span", { class: "fill" });
      fill.style.width = `${100 * probabilities[place]}%`;
      return element(
        "li",
        {},
        element("span", { class: "bar-name", title: classNames[place] }, classNames[place]),
        element("span", { class: "track", "aria-hidden": "true" }, fill),
        element("span", { class: "bar-share" }, percent(probabilities[place])),
      );
    }),
  );
}

// What a spreadsheet may execute, and plain numbers: the rule of csv_writer.py.
const FORMULA = /^'*[\s\0]*[=+\-@＝＋－＠]|^'*[\t\r\n\0]/;
const NUMBER = /^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$/;

// A field of a CSV file that no spreadsheet executes; the name of a file stays one.
function field(value, isPath = false) {
  const isSafe = !FORMULA.test(value) || NUMBER.test(value);
  const text = isSafe ? value : `${isPath ? "./" : "'"}${value}`;
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// The answers as CSV, with the columns of `tellapart predict --out`; label is the true class, which is not known here.
export function table(answers, classNames) {
  const head = [
    "path",
    "label",
    "predicted",
    "probability",
    ...classNames.map((name) => `p(${name})`),
    "status",
    "reason",
  ];
  const rows = answers.map(({ name, found, probabilities, reason }) =>
    probabilities
      ? [name, "", found.name, found.share, ...probabilities, "ok", ""]
      : [name, "", "", "", ...classNames.map(() => ""), "unreadable", reason],
  );
  const line = (row, isHead) => row.map((value, place) => field(String(value), !isHead && place === 0)).join(",");
  return [line(head, true), ...rows.map((row) => line(row, false))].join("\r\n") + "\r\n";
}

export function mountAnswers(root, { classNames, none, onclear }) {
  const answers = [];
  const summary = element("p", { class: "summary", role: "status" });
  const cards = element("ol", { class: "answers" });
  const save = element("button", { type: "button", onclick: download }, "Save as CSV");
  const clear = element("button", { type: "button", class: "quiet", onclick: reset }, "Clear");
  const actions = element("span", { class: "answer-actions" }, save, clear);
  const bar = element("div", { class: "answer-bar", hidden: true }, summary, actions);
  root.replaceChildren(bar, cards);

  function tell() {
    bar.hidden = !answers.length;
    const counts = new Map();
    for (const { found } of answers) {
      const name = found ? found.name : "not readable";
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
    const parts = [...counts].sort((a, b) => b[1] - a[1]).map(([name, count]) => `${grouped(count)} ${name}`);
    const photos = answers.length === 1 ? "photo" : "photos";
    summary.textContent = `${grouped(answers.length)} ${photos}: ${parts.join(", ")}`;
  }
  function download() {
    const address = URL.createObjectURL(new Blob([table(answers, classNames)], { type: "text/csv" }));
    element("a", { href: address, download: "answers.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }
  function reset() {
    answers.length = 0;
    cards.replaceChildren();
    tell();
    onclear?.();
  }
  return {
    add({ name, image, answer, reason, isFirst = false }) {
      const probabilities = answer?.probabilities ?? null;
      const found = answer && verdict(answer, { classNames, none });
      answers.push({ name, found, probabilities, reason });
      const words = found
        ? [element("strong", { class: found.isNone ? "none" : null }, found.name), bars(probabilities, classNames)]
        : [element("strong", { class: "none" }, "not readable"), element("p", {}, reason)];
      const shown = image ? element("img", { src: image, alt: "" }) : element("span", { class: "no-image" });
      const file = element("span", { class: "file", title: name }, name);
      const card = element("li", {}, shown, element("div", { class: "answer" }, ...words, file));
      if (isFirst) cards.prepend(card);
      else cards.append(card);
      tell();
    },
  };
}
