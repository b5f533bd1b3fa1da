// Two classes: a slider for the threshold, the scores it gives with their intervals, and the dot on both curves.

import { element, grouped, percent } from "tellapart/dom.js";

const HALF = 50;

/** @returns {[string, string]} */
const brief = (interval) =>
  interval
    ? [percent(interval.value), `${percent(interval.low)} to ${percent(interval.high)}`]
    : ["–", "says it never"];

export function mountThresholds(root, { section, plots, figures }) {
  const { rows, positive, negative } = section;
  const output = element("output", { class: "muted" });
  const field = { type: "range", min: "0", max: String(rows.length - 1), value: String(HALF), step: "1" };
  const slider = element("input", { ...field, "aria-label": `Threshold for ${positive}`, oninput: draw });
  const scores = element("dl", { class: "hero-facts" });
  const sentence = element("p", { class: "muted" });
  const head = element("span", {}, `Say “${positive}” from`);
  root.replaceChildren(element("label", { class: "slider" }, head, slider, output), scores, sentence);

  const fact = (name, [value, words]) =>
    element(
      "div",
      {},
      element("dt", {}, name),
      element("dd", {}, element("b", {}, value), element("small", {}, words)),
    );

  function draw() {
    const row = rows[Number(/** @type {HTMLInputElement} */ (slider).value)];
    output.textContent = `a probability of ${percent(row.threshold, 0)}`;
    scores.replaceChildren(
      fact("Accuracy", brief(row.accuracy)),
      fact(`Recall: ${positive} recognized`, brief(row.recall)),
      fact(`Precision: right when it says ${positive}`, brief(row.precision)),
    );
    const missed = `${grouped(row.fn)} of ${grouped(row.tp + row.fn)} ${positive} missed`;
    const called = `${grouped(row.fp)} of ${grouped(row.fp + row.tn)} ${negative} called ${positive}`;
    sentence.textContent = `${missed}, ${called}.`;
    const recall = row.recall.value;
    move(figures.roc, row.fp / (row.fp + row.tn), recall);
    move(figures.pr, recall, row.precision ? row.precision.value : 1);
  }

  function move(figure, across, up) {
    const dot = figure?.querySelector(".marker");
    dot?.setAttribute("cx", String(plots.left + across * (plots.right - plots.left)));
    dot?.setAttribute("cy", String(plots.floor + up * (plots.top - plots.floor)));
  }

  draw();
}
