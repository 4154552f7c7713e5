/** The API key: kept for this tab only, sent with every request. */
import { byId } from "./dom.js";
import { say } from "./language.js";

const KEPT = "api-key";

export function apiKey() {
  return sessionStorage.getItem(KEPT) ?? "";
}

/** Bind the key's dialog; `changed` runs whenever the key has changed. */
export function startKey(changed) {
  const dialog = byId("key-dialog");
  byId("key-open").addEventListener("click", openKeyDialog);
  byId("key-form").addEventListener("submit", () => keep(byId("key").value.trim(), changed));
  byId("key-forget").addEventListener("click", () => {
    keep("", changed);
    dialog.close();
  });
  showState();
}

export function openKeyDialog() {
  byId("key").value = apiKey();
  byId("key-dialog").showModal();
}

function keep(key, changed) {
  if (key) sessionStorage.setItem(KEPT, key);
  else sessionStorage.removeItem(KEPT);
  showState();
  changed();
}

function showState() {
  say(byId("key-open"), apiKey() ? "key.set" : "key.open");
}
