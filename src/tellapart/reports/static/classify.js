// The page that classifies photos: the model is whatever gives probabilities for pixels.

import { mountAnswers } from "tellapart/answer_list.js";
import { mountCamera } from "tellapart/camera.js";
import { filePixels, smallCopy } from "tellapart/photo_pixels.js";

const COPY_SIDE = 320;

// Every file below what was dropped, folders included.
async function droppedFiles(items) {
  const entries = [...items].map((item) => item.webkitGetAsEntry?.() ?? item.getAsFile()).filter(Boolean);
  const files = [];
  const visit = async (entry) => {
    if (entry instanceof File) files.push(entry);
    else if (entry.isFile)
      files.push(
        await new Promise((resolve, reject) => {
          entry.file(resolve, reject);
        }),
      );
    else {
      const reader = entry.createReader();
      for (;;) {
        const part = await new Promise((resolve, reject) => {
          reader.readEntries(resolve, reject);
        });
        if (!part.length) break;
        for (const one of part) await visit(one);
      }
    }
  };
  for (const entry of entries) await visit(entry);
  return files.filter((file) => !file.name.startsWith("."));
}

function mountDrop(zone, input, onfiles) {
  input.addEventListener("change", () => {
    onfiles([...input.files]);
    input.value = "";
  });
  for (const kind of ["dragover", "dragenter"]) {
    document.addEventListener(kind, (event) => {
      event.preventDefault();
      zone.classList.add("over");
    });
  }
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zone.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    onfiles(await droppedFiles(event.dataTransfer.items));
  });
  document.addEventListener("paste", (event) => onfiles([...event.clipboardData.files]));
}

// answer: from pixels {data, width, height}, and their file if there is one, to a promise of
// {probabilities}, and perhaps what is predicted (the costs may decide) and a familiarity.
export function mountClassify({ view, answer }) {
  const at = (id) => document.getElementById(id);
  const { class_names: classNames, none } = view;
  const progress = at("progress");
  const list = mountAnswers(at("answers"), { classNames, none, onclear: () => at("choose").focus() });
  let waiting = 0;

  async function classify(name, pixels, { file = null, isFirst = false } = {}) {
    try {
      const found = await pixels;
      list.add({
        name,
        image: smallCopy(found, COPY_SIDE),
        answer: await answer(found, file),
        reason: "",
        isFirst,
      });
    } catch (error) {
      list.add({ name, image: null, answer: null, reason: error.message, isFirst });
    }
  }
  async function classifyFiles(files) {
    waiting += files.length;
    for (const file of files) {
      progress.textContent = waiting > 1 ? `${waiting} photos to go` : "";
      await classify(file.webkitRelativePath || file.name, filePixels(file), { file });
      waiting -= 1;
    }
    progress.textContent = "";
  }
  let queue = Promise.resolve();
  const enqueue = (files) => {
    queue = queue.then(() => classifyFiles(files));
  };
  let frames = 0;
  mountDrop(at("drop"), at("choose"), enqueue);
  mountCamera(at("camera"), {
    button: at("use-camera"),
    answer,
    classNames,
    none,
    onphoto: (pixels) => classify(`camera ${(frames += 1)}`, Promise.resolve(pixels), { isFirst: true }),
  });
  return { classify };
}
