// One image in full: its label and the model's word, the probabilities, where it lies, and its nearest training images.

import { element, percent, thumbnail } from "tellapart/dom.js";

export function detail(image, { classNames, thumbnails, trainingImages }) {
  const label = image.label === null ? "no label" : classNames[image.label];
  const predicted = classNames[image.predicted];
  const near = image.nearest.map(([index, similarity]) => ({ ...trainingImages[index], similarity }));
  return element(
    "div",
    { class: "detail" },
    element("p", { class: "verdict" }, verdict(image, label, predicted)),
    element("p", { class: "path", title: "Path in the folder" }, image.path),
    doubt(image, predicted),
    element("h4", {}, "Probabilities"),
    element("ul", { class: "bars" }, ...image.probabilities.map(([k, p]) => bar(k, p, image, classNames))),
    near.length ? element("h4", {}, "Nearest training images") : null,
    near.length ? element("ul", { class: "near" }, ...near.map((one) => neighbor(one, classNames, thumbnails))) : null,
  );
}

function verdict(image, label, predicted) {
  const sure = percent(image.probabilities.find(([k]) => k === image.predicted)[1]);
  if (image.label === null)
    return element("span", {}, "The model says ", element("b", {}, predicted), `, ${sure} sure. There is no label.`);
  if (!image.is_wrong)
    return element("span", {}, "Labeled ", element("b", {}, label), `; the model agrees, ${sure} sure.`);
  return element(
    "span",
    {},
    "Labeled ",
    element("b", {}, label),
    "; the model says ",
    element("b", { class: "off" }, predicted),
    `, ${sure} sure.`,
  );
}

// Whether all its nearest training images have the label that the model gives it.
export function isDoubtful(image, trainingImages) {
  const { nearest, predicted } = image;
  return image.is_wrong && nearest.length > 0 && nearest.every(([i]) => trainingImages[i].label === predicted);
}

function doubt(image, predicted) {
  if (!image.is_doubtful) return null;
  const words = `Its nearest training images are all labeled ${predicted}: perhaps the label is wrong, not the model.`;
  return element("p", { class: "doubt" }, words);
}

function bar(k, p, image, classNames) {
  const kind = k === image.label ? "is-label" : k === image.predicted ? "is-predicted" : "";
  const role = k === image.label ? " (label)" : "";
  return element(
    "li",
    { class: kind },
    element("span", { class: "name", title: classNames[k] }, classNames[k] + role),
    element("span", { class: "value" }, percent(p)),
    element("span", { class: "meter" }, element("i", { style: `width:${(100 * p).toFixed(1)}%` })),
  );
}

function neighbor(one, classNames, thumbnails) {
  const name = one.label === null ? "unknown" : classNames[one.label];
  return element(
    "li",
    { title: one.path ?? "" },
    thumbnail(thumbnails, one.image_id, name),
    element("span", { class: "name" }, name),
    element("span", { class: "value" }, `similarity ${one.similarity.toFixed(2)}`),
  );
}
