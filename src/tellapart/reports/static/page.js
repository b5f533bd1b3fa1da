// The report from disk: reads what the page carries and sets its parts in motion.

import { mountBar } from "tellapart/bar.js";
import { mountChanges } from "tellapart/changes.js";
import { mountConfusion } from "tellapart/confusion.js";
import { mountCopyable } from "tellapart/copyable.js";
import { keepDecisions } from "tellapart/decisions.js";
import { isDoubtful } from "tellapart/detail.js";
import { all, carried, choice, scrollTo, undoByKey } from "tellapart/dom.js";
import { mountGallery } from "tellapart/gallery.js";
import { mountMap } from "tellapart/map.js";
import { mountSections } from "tellapart/sections.js";
import { mountSortable } from "tellapart/sortable.js";
import { mountTheme } from "tellapart/theme.js";
import { mountThresholds } from "tellapart/thresholds.js";

mountTheme(document.getElementById("theme"));
const view = carried("view");
const thumbnails = carried("thumbnails");
const { class_names: classNames, gallery: held } = view;
const byId = (id) => document.getElementById(id);
let [matrix, gallery, bar] = [null, null, null];

function decisionsOf(images) {
  const rows = images.map(({ path, image_id, label }) => ({
    path,
    image_id,
    label: label === null ? null : classNames[label],
  }));
  const key = `tellapart-report:${view.place}`;
  return keepDecisions({ rows, key, made: view.made, onchange: told });
}

function told() {
  gallery?.redraw();
  bar?.tell();
  byId("bar").hidden = decisions.all().length === 0 && !decisions.canUndo();
}

for (const image of held.images) image.is_doubtful = isDoubtful(image, held.training_images);
const decisions = decisionsOf(held.images);
if (byId("gallery")) {
  gallery = mountGallery(byId("gallery"), {
    gallery: held,
    classNames,
    thumbnails,
    heatMaps: view.heat_maps ?? {},
    root: view.ways.root,
    decisions,
    onclear: () => matrix?.clear(),
  });
  const onundo = () => {
    const place = decisions.undo();
    if (place !== null) gallery.showImageAt(place);
    gallery.focus();
  };
  bar = mountBar(byId("bar"), { decisions, command: view.command, ways: view.ways, emptied: () => [], onundo });
  undoByKey();
  told();
}
if (byId("confusion")) {
  matrix = mountConfusion(byId("confusion"), {
    sections: view.confusion,
    classNames,
    onCell: (cell, isPointed) => {
      gallery?.showCell(cell);
      if (cell && isPointed) gallery?.focus();
      if (cell) scrollTo(byId("images"));
    },
  });
}

function showImage(imageId) {
  if (!gallery?.showImage(imageId)) return;
  gallery.focus();
  scrollTo(byId("images"));
}
const inGallery = new Set(held.images.map((image) => image.image_id));
for (const root of all("[data-component=changes]")) {
  mountChanges(root, { thumbnails, shows: (imageId) => inGallery.has(imageId), onimage: showImage });
}
if (byId("map")) mountMap(byId("map"), { points: view.points, classNames, thumbnails, onimage: showImage });
for (const table of all("[data-component=sortable]")) mountSortable(table);
for (const root of all("[data-component=copyable]")) mountCopyable(root);
for (const root of all("[data-component=threshold]")) {
  const section = view.binary.find(({ part }) => part === root.dataset.part);
  const [roc, pr] = root.parentElement.querySelectorAll("svg.figure");
  mountThresholds(root, { section, plots: view.plots, figures: { roc, pr } });
}

// One block for each reported part; the switch shows one of them.
function showPart(part) {
  for (const block of all("[data-part-block]")) block.hidden = block.dataset.partBlock !== part;
  matrix?.showPart(part);
}
const [parts] = all("[data-component=parts]");
if (parts) {
  const onchoice = (part) => {
    showPart(part);
    gallery?.showPart(part);
  };
  const options = view.parts.map(({ part, title }) => [part, title]);
  choice(parts, { label: "Part", value: view.parts[0].part, options, onchoice });
  showPart(view.parts[0].part);
}
mountSections();
