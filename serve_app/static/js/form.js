/** The form's own behaviour: counts, menus that depend on each other. */
import { byId } from "./dom.js";
import { say } from "./language.js";
import { fillLanguages } from "./languages.js";
import { MediaSourcePlayer } from "./play/media_source.js";

const NEEDS_COSYVOICE = ["voice", "instruction"];

export function startForm() {
  byId("text").addEventListener("input", showCount);
  byId("engine").addEventListener("change", showEngine);
  byId("speed").addEventListener("input", showSpeed);
  const mp3 = byId("playback").querySelector('[value="mp3"]');
  mp3.disabled = !MediaSourcePlayer.supported();
  showCount();
  showEngine();
  showSpeed();
}

function showCount() {
  const { length } = [...byId("text").value];
  say(byId("characters"), length === 1 ? "text.count.one" : "text.count", { count: length });
  if (length) byId("text").removeAttribute("aria-invalid");
}

/** MMS has one voice for each language, and takes no instruction. */
function showEngine() {
  const mms = byId("engine").value === "mms";
  for (const id of NEEDS_COSYVOICE) byId(id).disabled = mms;
  fillLanguages(byId("language"), byId("engine").value, mms ? null : "language.auto");
}

function showSpeed() {
  byId("speed-value").textContent = `${Number(byId("speed").value).toFixed(2)}×`;
}
