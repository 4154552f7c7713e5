/** Speaking: from the form to a take, and what is shown on the way. */
import { currentClip } from "./clip.js";
import { byId } from "./dom.js";
import { remember } from "./history.js";
import { openKeyDialog } from "./key.js";
import { say } from "./language.js";
import { announce, hideNotice, showNotice, showRefusal } from "./notice.js";
import { readOrder, UNSAVED } from "./order.js";
import { copy, curl, python } from "./snippets.js";
import { Stage } from "./stage.js";
import { Take } from "./take.js";

const UNAUTHORISED = 401;

let stage;
let making = null;

export function startSpeaking() {
  stage = new Stage();
  byId("order").addEventListener("submit", (event) => {
    event.preventDefault();
    if (making) stop();
    else speak();
  });
  byId("copy-curl").addEventListener("click", () => copyAs(curl));
  byId("copy-python").addEventListener("click", () => copyAs(python));
  document.addEventListener("keydown", onKey);
}

/** Ctrl+Enter speaks, Escape stops; a dialog keeps its own Escape. */
function onKey(event) {
  if (document.querySelector("dialog[open]")) return;
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !making) speak();
  else if (event.key === "Escape") stop();
}

function stop() {
  making?.stop();
  stage.pause();
}

async function speak() {
  const order = readOrder(currentClip());
  if (!acceptable(order)) return;
  stage.clear();
  const take = new Take(order);
  making = take;
  showMaking(true);
  announce("status.making");
  stage.show(take);
  await take.run();
  making = null;
  showMaking(false);
  tellEnd(take);
}

/** What the page itself can see to be missing; everything else the service knows better. */
function acceptable(order) {
  hideNotice();
  byId("text").setAttribute("aria-invalid", String(!order.text));
  if (!order.text) {
    showNotice("text.missing");
    byId("text").focus();
    return false;
  }
  if (byId("voice").value === UNSAVED && order.file && byId("instruction").value.trim()) {
    showNotice("instruction.unsaved");
    return false;
  }
  return true;
}

function tellEnd(take) {
  if (take.state === "failed") {
    showRefusal(take.refusal);
    announce("status.failed");
    if (take.refusal.status === UNAUTHORISED) openKeyDialog();
  } else {
    announce(`status.${take.state}`, { seconds: take.audioS.toFixed(1) });
  }
  if (take.audioS) remember(take, { replay, reuse });
}

function replay(take) {
  if (making) stop();
  stage.replay(take);
}

function reuse(take) {
  byId("text").value = take.order.text;
  byId("text").dispatchEvent(new Event("input"));
  byId("text").focus();
}

async function copyAs(write) {
  const order = readOrder(currentClip());
  if (acceptable(order)) await copy(write(order));
}

function showMaking(on) {
  say(byId("speak-label"), on ? "stop" : "speak");
  byId("speak-icon").setAttribute("href", `icons.svg#${on ? "stop" : "speak"}`);
}
