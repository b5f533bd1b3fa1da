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

// The answer with the least expected cost; of equally cheap ones the most probable.
export function cheapest(probabilities, { answers, costs }) {
  const expected = answers.map((_, k) => probabilities.reduce((sum, p, row) => sum + p * costs[row][k], 0));
  const least = Math.min(...expected) * (1 + 1e-12);
  const chance = (k) => (expected[k] <= least ? (probabilities[k] ?? -1) : -2);
  return answers.reduce((best, name, k) => (chance(k) > chance(answers.indexOf(best)) ? name : best));
}

// Gives a function from pixels to {probabilities} of the classes, and what is predicted and the familiarity where the
// model has them; one call after another.
export async function loadModel({ squares, decision, none }) {
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
    const found = await session.run(feeds, none ? ["probabilities", "familiarity"] : ["probabilities"]);
    const probabilities = Array.from(found.probabilities.data, Number);
    return {
      probabilities,
      predicted: decision ? cheapest(probabilities, decision) : undefined,
      familiarity: none ? Number(found.familiarity.data[0]) : undefined,
    };
  };
  return (pixels) => {
    last = last.then(
      () => run(pixels),
      () => run(pixels),
    );
    return last;
  };
}
