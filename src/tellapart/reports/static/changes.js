// The images a rung put right or got wrong: their images come in when the list is opened; one click shows them in the
// gallery.

import { element, thumbnail } from "tellapart/dom.js";

export function mountChanges(root, { thumbnails, shows, onimage }) {
  root.addEventListener("toggle", () => root.open && fill(), { once: true });

  function fill() {
    for (const item of root.querySelectorAll("[data-image]")) {
      const id = item.dataset.image;
      const shown = [thumbnail(thumbnails, id, item.title), ...item.childNodes];
      item.replaceChildren(
        ...(shows(id) ? [element("button", { type: "button", onclick: () => onimage(id) }, ...shown)] : shown),
      );
    }
  }
}
