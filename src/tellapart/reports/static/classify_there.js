// The served page: the service that it comes from gives the answers.

import { mountClassify } from "tellapart/classify.js";
import { mountTheme } from "tellapart/theme.js";

mountTheme(document.getElementById("theme"));
const view = JSON.parse(document.getElementById("view").textContent);
const key = /** @type {HTMLInputElement | null} */ (document.getElementById("key"));

// The pixels as a file that loses nothing.
async function asPng({ data, width, height }) {
  const image = new ImageData(width, height);
  for (let from = 0, to = 0; from < data.length; from += 3, to += 4)
    image.data.set([data[from], data[from + 1], data[from + 2], 255], to);
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext("2d").putImageData(image, 0, 0);
  return new Promise((resolve) => {
    canvas.toBlob(resolve, "image/png");
  });
}

async function answer(pixels, file) {
  const body = file ?? (await asPng(pixels));
  const headers = { "content-type": "application/octet-stream" };
  if (key?.value) headers.authorization = `Bearer ${key.value}`;
  const response = await fetch(`predict?run=${encodeURIComponent(view.run)}`, { method: "POST", headers, body });
  const content = await response.json();
  if (!response.ok) throw new Error(content.error);
  const { probabilities, predicted, familiarity } = content.images[0];
  return { probabilities: view.class_names.map((name) => probabilities[name]), predicted, familiarity };
}

mountClassify({ view, answer });
document.documentElement.dataset.ready = "yes";
