/** What the service measured of a clip, and what could be better. */
import { make } from "./dom.js";
import { has, say } from "./language.js";

const PERCENT = 100;

/** Measures in the order of their weight: name, and the value that is shown. */
const MEASURES = [
  ["duration", "number.seconds", ({ duration_s: value }) => value],
  ["speech", "number.percent", ({ speech_share: value }) => share(value)],
  ["snr", "number.decibel", ({ snr_db: value }) => rounded(value)],
  ["level", "number.dbfs", ({ level_dbfs: value }) => rounded(value)],
  ["peak", "number.dbfs", ({ peak_dbfs: value }) => rounded(value)],
  ["clipped", "number.percent", ({ clipped_share: value }) => share(value)],
];

/** The elements that show a report as `POST /v1/audio/voices/check` gives it. */
export function reportElements({ quality, warnings }) {
  const list = make("dl");
  for (const [name, key, value] of MEASURES) {
    if (value(quality) === null) continue;
    const term = make("dt");
    const shown = make("dd");
    say(term, `report.${name}`);
    say(shown, key, { value: value(quality) });
    list.append(term, shown);
  }
  return [verdict(warnings), list];
}

function verdict(warnings) {
  const box = make("div", { className: "verdict" });
  if (!warnings.length) {
    say(box, "report.good");
    return box;
  }
  box.classList.add("warn");
  const title = make("p");
  say(title, "report.better");
  box.append(title, make("ul", {}, ...warnings.map(advice)));
  return box;
}

/** Advice in the page's language where we have it, else in the service's words. */
function advice({ code, message }) {
  const item = make("li");
  if (has(`warning.${code}`)) say(item, `warning.${code}`);
  else {
    item.lang = "en";
    item.textContent = message;
  }
  return item;
}

function share(value) {
  return value === null || value === undefined ? null : Math.round(value * PERCENT * 10) / 10;
}

function rounded(value) {
  return value === null || value === undefined ? null : Math.round(value);
}
