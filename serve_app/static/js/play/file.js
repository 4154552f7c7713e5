/** Plays a take that is complete, from any point. */
import { byId } from "../dom.js";

/** Events: ended, change (paused or going on). */
export class FilePlayer extends EventTarget {
  #sound = byId("sound");
  #listening = new AbortController();
  #url;

  /** @param {Blob} blob an encoded file */
  constructor(blob) {
    super();
    this.#url = URL.createObjectURL(blob);
    this.#sound.src = this.#url;
    const { signal } = this.#listening;
    for (const [type, told] of [["ended", "ended"], ["play", "change"], ["pause", "change"]]) {
      this.#sound.addEventListener(type, () => this.dispatchEvent(new Event(told)), { signal });
    }
  }

  get timeS() {
    return this.#sound.currentTime;
  }

  set timeS(timeS) {
    this.#sound.currentTime = timeS;
  }

  get paused() {
    return this.#sound.paused;
  }

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
}
