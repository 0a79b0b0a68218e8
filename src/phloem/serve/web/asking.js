// Requests while typing: debounced, the last one wins, answers to older text are never shown.

export async function get(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

export class Asker {
  constructor({ onStart, onAnswer, onProblem, to = "api/predict", wait = 250 }) {
    Object.assign(this, { onStart, onAnswer, onProblem, to, wait });
    this.timer = undefined;
    this.running = undefined;
    this.number = 0;
  }

  // `body()` is read when the time comes, so that it holds what was typed last.
  ask(body, { now = false } = {}) {
    this.number += 1;
    clearTimeout(this.timer);
    this.running?.abort();
    this.timer = setTimeout(() => this.send(body(), this.number), now ? 0 : this.wait);
  }

  async send(body, number) {
    const control = new AbortController();
    this.running = control;
    this.onStart();
    try {
      const response = await fetch(this.to, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
        signal: control.signal,
      });
      const answer = await response.json();
      if (number !== this.number) return;
      if (response.ok) this.onAnswer(answer, body);
      else this.onProblem(answer.detail ?? `The server answered ${response.status}.`);
    } catch (error) {
      if (error.name === "AbortError" || number !== this.number) return;
      this.onProblem("The server does not answer. Is phloem serve still running?");
    }
  }
}
