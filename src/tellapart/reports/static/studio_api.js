// Asking the studio, and telling it: JSON both ways; what is refused becomes an error with the studio's own sentence.

export class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function asked(path, options) {
  let answer;
  try {
    answer = await fetch(path, { credentials: "same-origin", ...options });
  } catch {
    throw new Refusal(0, "The studio does not answer. Is it still running?");
  }
  const content = await answer.json().catch(() => ({}));
  if (answer.ok) return content;
  const hint = content.hint ? ` (${content.hint})` : "";
  throw new Refusal(answer.status, `${content.error ?? `The studio answered ${answer.status}`}${hint}`);
}

export const get = (path) => asked(path, {});

export const post = (path, content) =>
  asked(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });
