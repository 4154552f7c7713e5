/** The languages to choose from, each under its own name. An engine may speak more, or fewer. */
import { make } from "./dom.js";
import { t } from "./language.js";

const NAMES = {
  en: "English", zh: "中文", yue: "粵語", ms: "Bahasa Melayu", id: "Bahasa Indonesia", ja: "日本語",
  ko: "한국어", de: "Deutsch", es: "Español", fr: "Français", it: "Italiano", pt: "Português",
  ru: "Русский", ar: "العربية", hi: "हिन्दी", ta: "தமிழ்", th: "ไทย", vi: "Tiếng Việt",
};

const OF_ENGINE = {
  cosyvoice: ["en", "zh", "yue", "ja", "ko", "de", "es", "fr", "it", "ru", "ms"],
  mms: ["ms", "en", "id", "ta", "hi", "th", "vi", "ar", "fr", "de", "es", "pt", "ru", "ko"],
};

/** Fill `select` with an engine's languages; `unset` is what no choice is called, if allowed. */
export function fillLanguages(select, engine, unset) {
  const chosen = select.value;
  const codes = OF_ENGINE[engine];
  const options = codes.map((code) =>
    make("option", { value: code, lang: code, textContent: NAMES[code] }));
  if (unset) {
    const none = make("option", { value: "", textContent: t(unset) });
    none.dataset.i18n = unset;
    options.unshift(none);
  }
  select.replaceChildren(...options);
  select.value = codes.includes(chosen) ? chosen : options[0].value;
}

/** A language's own name, or its code where we have none. */
export function nameOf(code) {
  return NAMES[code] ?? code ?? "";
}
