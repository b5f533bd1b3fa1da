// The exported page: loads the model that it carries, or that lies beside it, and classifies with it.

import { mountClassify } from "tellapart/classify.js";
import { loadModel } from "tellapart/onnx_model.js";
import { mountTheme } from "tellapart/theme.js";

mountTheme(document.getElementById("theme"));
const view = JSON.parse(document.getElementById("view").textContent);
const state = document.getElementById("progress");
state.textContent = "Loading the model";
try {
  const answer = await loadModel(view);
  mountClassify({ view, answer });
  state.textContent = "";
  document.documentElement.dataset.ready = "yes";
  /** @type {any} */ (window).tellapart = { answer };
} catch (error) {
  const isDisk = location.protocol === "file:" && !document.getElementById("model");
  state.textContent = isDisk
    ? "A browser does not load files beside a page from disk: serve this folder (python -m http.server), " +
      "or export with --single."
    : `The model cannot be loaded: ${error.message}`;
  state.setAttribute("role", "alert");
}
