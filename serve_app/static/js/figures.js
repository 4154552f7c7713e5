/** The figures below the waveform, kept up to date while audio comes. */
import { byId } from "./dom.js";
import { t } from "./language.js";

const SLOWER_THAN_SPEECH = 1;
const NONE = "–";

/** Show what is known of `take`; null clears. */
export function showFigures(take) {
  const { firstHeardS = null, realTimeFactor = null, audioS = 0 } = take ?? {};
  show("first", seconds(firstHeardS, 2));
  show("rtf", realTimeFactor?.toFixed(2) ?? NONE, realTimeFactor > SLOWER_THAN_SPEECH);
  show("length", audioS ? seconds(audioS, 1) : NONE);
  const underruns = take?.underruns.length ?? 0;
  show("underruns", audioS ? String(underruns) : NONE, underruns > 0);
}

/** Minutes and seconds, as players show them. */
export function clock(timeS) {
  const whole = Math.floor(timeS);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function seconds(valueS, digits) {
  return valueS === null ? NONE : t("number.seconds", { value: valueS.toFixed(digits) });
}

function show(id, text, bad = false) {
  const element = byId(id);
  element.textContent = text;
  element.classList.toggle("bad", bad);
}
