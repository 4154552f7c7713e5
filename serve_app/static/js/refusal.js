/** What the service answers when it does not do what was asked. */
import { has } from "./language.js";

/** Codes of our own, for what happens before or after an answer of the service. */
const UNREACHABLE = "unreachable";
const CUT = "cut";

export class Refusal extends Error {
  /**
   * @param {string} code one of the service's error codes, or one of ours
   * @param {object} more status, field, allowed, retryAfterS, and detail: the service's own words
   */
  constructor(code, more = {}) {
    super(code);
    Object.assign(this, { code, status: 0, detail: "", ...more });
  }

  static unreachable() {
    return new Refusal(UNREACHABLE);
  }

  /** The connection broke while audio was coming. */
  static cut() {
    return new Refusal(CUT);
  }

  /** Read an answer in any of the service's dialects. */
  static async from(response) {
    const body = await response.json().catch(() => ({}));
    const error = typeof body.error === "object" && body.error ? body.error : body;
    return new Refusal(error.code ?? "", {
      status: response.status,
      field: error.field ?? error.param ?? "",
      allowed: error.allowed ?? "",
      detail: error.message ?? "",
      retryAfterS: Number(response.headers.get("retry-after")) || 0,
    });
  }

  /** Which sentence tells a person what to do now: of the field, the code, or the status. */
  get key() {
    const byField = `refusal.${this.code}.${this.field}`;
    const keys = [byField, `refusal.${this.code}`, `refusal.status.${this.status}`];
    return keys.find(has) ?? (this.status >= 500 ? "refusal.internal" : "refusal.other");
  }

  /** What the sentence may mention. */
  get values() {
    return { field: this.field, seconds: this.retryAfterS || 2, status: this.status };
  }
}
