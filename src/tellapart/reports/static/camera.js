// The camera: what it sees now, classified several times a second for as long as it is on.

import { bars, verdict } from "tellapart/answer_list.js";
import { element } from "tellapart/dom.js";
import { framePixels } from "tellapart/photo_pixels.js";

const PAUSE_MS = 120;

export function mountCamera(root, { button, answer, classNames, none, onphoto }) {
  const words = { autoplay: true, muted: true, playsinline: true, "aria-label": "What the camera sees" };
  const video = element("video", words);
  const live = element("div", { class: "live", "aria-live": "off" });
  const keep = element("button", { type: "button", onclick: () => onphoto(framePixels(video)) }, "Keep this frame");
  const trouble = element("p", { class: "trouble", role: "alert", hidden: true });
  const stage = element("div", { class: "stage", hidden: true }, video, element("div", {}, live, keep));
  let stream = null;
  root.replaceChildren(stage, trouble);

  async function look() {
    while (stream) {
      if (video.videoWidth) {
        const given = await answer(framePixels(video));
        const found = verdict(given, { classNames, none });
        const name = element("strong", { class: found.isNone ? "none" : null }, found.name);
        live.replaceChildren(name, bars(given.probabilities, classNames, { shown: 6, isLive: true }));
      }
      await new Promise((resolve) => {
        setTimeout(resolve, PAUSE_MS);
      });
    }
  }
  function stop() {
    stream?.getTracks().forEach((track) => track.stop());
    stream = null;
    stage.hidden = true;
    button.textContent = "Use the camera";
    button.setAttribute("aria-pressed", "false");
  }
  async function start() {
    trouble.hidden = true;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" }, audio: false });
    } catch (error) {
      trouble.textContent = `The camera cannot be used: ${error.message || error.name}`;
      trouble.hidden = false;
      return;
    }
    video.srcObject = stream;
    stage.hidden = false;
    button.textContent = "Stop the camera";
    button.setAttribute("aria-pressed", "true");
    look().catch((error) => {
      stop();
      trouble.textContent = error.message;
      trouble.hidden = false;
    });
  }
  button.hidden = !navigator.mediaDevices?.getUserMedia;
  button.addEventListener("click", () => (stream ? stop() : start()));
}
