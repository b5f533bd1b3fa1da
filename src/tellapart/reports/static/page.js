// The report from disk: reads what the page carries and sets its parts in motion.

import { mountChanges } from "tellapart/changes.js";
import { mountConfusion } from "tellapart/confusion.js";
import { mountGallery } from "tellapart/gallery.js";
import { mountMap } from "tellapart/map.js";
import { mountSections } from "tellapart/sections.js";
import { mountTheme } from "tellapart/theme.js";

const carried = (id) => JSON.parse(document.getElementById(id).textContent);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const scrollTo = (id) => document.getElementById(id).scrollIntoView({ behavior: still.matches ? "auto" : "smooth", block: "start" });

mountTheme(document.getElementById("theme"));
const view = carried("view");
const thumbnails = carried("thumbnails");
const classNames = view.class_names;
let [matrix, gallery] = [null, null];

const galleryRoot = document.getElementById("gallery");
if (galleryRoot) {
  gallery = mountGallery(galleryRoot, { gallery: view.gallery, classNames, thumbnails, root: view.root, onclear: () => matrix?.clear() });
}
const confusionRoot = document.getElementById("confusion");
if (confusionRoot) {
  matrix = mountConfusion(confusionRoot, { sections: view.confusion, classNames, onCell: (cell, isPointed) => {
    gallery?.showCell(cell);
    if (cell && isPointed) gallery?.focus();
    if (cell) scrollTo("images");
  } });
}
function showImage(imageId) {
  if (!gallery?.showImage(imageId)) return;
  gallery.focus();
  scrollTo("images");
}
const inGallery = new Set(view.gallery.images.map((image) => image.image_id));
for (const root of document.querySelectorAll("[data-component=changes]")) {
  mountChanges(root, { thumbnails, shows: (imageId) => inGallery.has(imageId), onimage: showImage });
}
const mapRoot = document.getElementById("map");
if (mapRoot) {
  mountMap(mapRoot, { points: view.points, classNames, thumbnails, onimage: showImage });
}

mountSections();
