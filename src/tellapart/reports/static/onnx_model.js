// The exported model, run by onnxruntime-web within the page; nothing is asked of another machine.

import * as ort from "tellapart/onnxruntime.js";
import { square } from "tellapart/square.js";

async function unpacked(text) {
  const binary = atob(text);
  const packed = Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

// The bytes of a part: carried by the page itself, or a file beside it.
async function bytesOf(id, file) {
  const carried = document.getElementById(id);
  if (carried) return unpacked(carried.textContent.trim());
  const answer = await fetch(file);
  if (!answer.ok) throw new Error(`${file} is missing beside the page`);
  return new Uint8Array(await answer.arrayBuffer());
}

// Gives a function from pixels to {probabilities} of the classes, one call after another.
export async function loadModel(squares) {
  const [runtime, model] = await Promise.all([bytesOf("runtime", "onnxruntime.wasm"), bytesOf("model", "model.onnx")]);
  ort.env.wasm.wasmBinary = runtime.buffer;
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  const options = { executionProviders: ["wasm"], graphOptimizationLevel: "all" };
  const session = await ort.InferenceSession.create(model, options);
  let last = /** @type {Promise<any>} */ (Promise.resolve());
  const run = async (pixels) => {
    const feeds = {};
    for (const one of squares) {
      feeds[one.name] = new ort.Tensor("uint8", square(pixels, one).data, [1, one.size, one.size, 3]);
    }
    const { probabilities } = await session.run(feeds, ["probabilities"]);
    return { probabilities: Array.from(probabilities.data, Number) };
  };
  return (pixels) => {
    last = last.then(
      () => run(pixels),
      () => run(pixels),
    );
    return last;
  };
}
