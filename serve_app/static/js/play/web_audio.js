/** Plays samples while they arrive, each piece scheduled right after the one before. */
import { RATE_HZ } from "../sound/pcm.js";

/** Time that a piece is scheduled ahead, so that its start is never missed. */
const AHEAD_S = 0.06;

/** Events: heard (the first sound), underrun (ran dry), ended, change (paused or going on). */
export class WebAudioPlayer extends EventTarget {
  #context = new AudioContext({ sampleRate: RATE_HZ });
  #pushedS = 0;
  #nextS = null;
  #playing = new Set();
  #finished = false;

  constructor() {
    super();
    this.#context.addEventListener("statechange", () => this.dispatchEvent(new Event("change")));
  }

  pushBytes() {}

  /** Take samples at 24 kHz. */
  pushSamples(samples) {
    const now = this.#context.currentTime;
    const first = this.#nextS === null;
    if (first || this.#nextS < now) {
      if (!first) this.dispatchEvent(new Event("underrun"));
      this.#nextS = now + AHEAD_S;
    }
    this.#schedule(samples);
    if (first) setTimeout(() => this.dispatchEvent(new Event("heard")), AHEAD_S * 1000);
  }

  finish() {
    this.#finished = true;
    this.#endIfSilent();
  }

  get timeS() {
    if (this.#nextS === null) return 0;
    return Math.max(0, this.#pushedS - Math.max(0, this.#nextS - this.#context.currentTime));
  }

  get paused() {
    return this.#context.state !== "running";
  }

  play() {
    this.#context.resume();
  }

  pause() {
    this.#context.suspend();
  }

  close() {
    this.#playing.clear();
    if (this.#context.state !== "closed") this.#context.close();
  }

  #schedule(samples) {
    const buffer = this.#context.createBuffer(1, samples.length, RATE_HZ);
    buffer.copyToChannel(samples, 0);
    const source = this.#context.createBufferSource();
    source.buffer = buffer;
    source.connect(this.#context.destination);
    source.onended = () => {
      if (this.#playing.delete(source)) this.#endIfSilent();
    };
    this.#playing.add(source);
    source.start(this.#nextS);
    this.#nextS += buffer.duration;
    this.#pushedS += buffer.duration;
  }

  #endIfSilent() {
    if (this.#finished && !this.#playing.size) this.dispatchEvent(new Event("ended"));
  }
}
