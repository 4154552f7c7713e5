/** What was spoken in this session: to hear again, to keep, to change. */
import { byId, make } from "./dom.js";
import { label, say } from "./language.js";

const MOST = 20;

/** Add a take that is over; `replay` and `reuse` are what its buttons do. */
export function remember(take, { replay, reuse }) {
  byId("history-empty").hidden = true;
  const list = byId("history");
  list.prepend(entry(take, replay, reuse));
  if (list.children.length > MOST) forget(list.lastElementChild);
}

function entry(take, replay, reuse) {
  const about = make("p", { className: "hint" });
  say(about, "history.about", {
    voice: take.voice, seconds: take.audioS.toFixed(1),
    rtf: take.realTimeFactor.toFixed(2),
  });
  const text = make("p", { className: "name", textContent: take.order.text });
  text.dir = "auto";
  const again = button("history.play", take, replay);
  const back = button("history.reuse", take, reuse);
  const link = make("a", {
    className: "button", href: URL.createObjectURL(take.blob()),
    download: `speech.${take.sound.extension}`,
  });
  say(link, "download");
  label(link, "history.download", { text: take.order.text });
  return make("li", {}, text, about, make("div", { className: "actions" }, again, back, link));
}

function button(key, take, act) {
  const element = make("button", { type: "button" });
  say(element, key);
  label(element, `${key}.label`, { text: take.order.text });
  element.addEventListener("click", () => act(take));
  return element;
}

function forget(row) {
  URL.revokeObjectURL(row.querySelector("a").href);
  row.remove();
}
