/** An answer that is an error. */
export class Refusal extends Error {
  constructor(status, words, title, more = {}) {
    super(title);
    Object.assign(this, { status, words, title, ...more });
  }
}
