/** Two places for sentences: what went wrong, and what goes on. */
import { byId } from "./dom.js";
import { hush, say } from "./language.js";
import { Refusal } from "./refusal.js";

/** Show a refusal in the box `id`, in the page's language, with the service's own words below. */
export function showRefusal(refusal, id = "notice") {
  showNotice(refusal.key, refusal.values, id);
  const detail = byId(`${id}-detail`);
  detail.textContent = refusal.detail;
  detail.hidden = !refusal.detail;
}

/** Show the sentence called `key` in the box `id`. */
export function showNotice(key, values = {}, id = "notice") {
  byId(`${id}-detail`).hidden = true;
  byId(id).hidden = false;
  say(byId(`${id}-text`), key, values);
}

export function hideNotice(id = "notice") {
  byId(id).hidden = true;
  hush(byId(`${id}-text`));
}

/** Tell a screen reader what goes on; others see it anyway. */
export function announce(key, values = {}) {
  say(byId("status"), key, values);
}

/** Run `work`; show what it throws as a refusal in the box `id`. Returns whether it went well. */
export async function orShow(work, id = "notice") {
  hideNotice(id);
  try {
    await work();
    return true;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    showRefusal(error, id);
    return false;
  }
}
