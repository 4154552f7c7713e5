/** Plays MP3 while it arrives, through the page's audio element. */
import { byId } from "../dom.js";

const KEEP_HEARD_S = 10;

/** Events: heard (the first sound), underrun (ran dry), ended, change (paused or going on). */
export class MediaSourcePlayer extends EventTarget {
  #source = new MediaSource();
  #sound = byId("sound");
  #queue = [];
  #finished = false;
  #listening = new AbortController();
  #url = URL.createObjectURL(this.#source);

  static supported() {
    return "MediaSource" in window && MediaSource.isTypeSupported("audio/mpeg");
  }

  constructor() {
    super();
    this.#source.addEventListener("sourceopen", () => this.#open(), { once: true });
    this.#sound.src = this.#url;
    this.#listen("playing", () => this.#once("heard"));
    this.#listen("waiting", () => this.#ranDry());
    this.#listen("ended", () => this.dispatchEvent(new Event("ended")));
    for (const type of ["play", "pause"]) {
      this.#listen(type, () => this.dispatchEvent(new Event("change")));
    }
    this.#listen("timeupdate", () => this.#pump());
    this.play();
  }

  /** Take encoded bytes; the samples are the browser's business. */
  pushBytes(bytes) {
    this.#queue.push(bytes);
    this.#pump();
  }

  pushSamples() {}

  finish() {
    this.#finished = true;
    this.#pump();
  }

  get timeS() {
    return this.#sound.currentTime;
  }

  get paused() {
    return this.#sound.paused;
  }

  /** Start; a browser that wants a click first leaves it paused, and the button shows that. */
  play() {
    this.#sound.play().catch(() => this.dispatchEvent(new Event("change")));
  }

  pause() {
    this.#sound.pause();
  }

  close() {
    this.#listening.abort();
    this.#sound.pause();
    this.#sound.removeAttribute("src");
    this.#sound.load();
    URL.revokeObjectURL(this.#url);
  }

  #open() {
    this.buffer = this.#source.addSourceBuffer("audio/mpeg");
    this.buffer.addEventListener("updateend", () => this.#pump());
    this.#pump();
  }

  #pump() {
    if (!this.buffer || this.buffer.updating || this.#source.readyState !== "open") return;
    if (this.#queue.length) this.#append();
    else if (this.#finished) this.#source.endOfStream();
  }

  /** A full buffer makes room by what was heard, and waits where there is nothing yet. */
  #append() {
    try {
      this.buffer.appendBuffer(this.#queue[0]);
      this.#queue.shift();
    } catch (error) {
      if (error.name !== "QuotaExceededError") throw error;
      const heardS = this.#sound.currentTime - KEEP_HEARD_S;
      if (heardS > 0) this.buffer.remove(0, heardS);
    }
  }

  #ranDry() {
    if (this.#sound.currentTime > 0 && this.#source.readyState === "open") {
      this.dispatchEvent(new Event("underrun"));
    }
  }

  #once(type) {
    if (this[type]) return;
    this[type] = true;
    this.dispatchEvent(new Event(type));
  }

  #listen(type, listener) {
    this.#sound.addEventListener(type, listener, { signal: this.#listening.signal });
  }
}
