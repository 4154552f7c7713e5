/** One order and the speech that comes for it: fetched, measured, kept. */
import { requestOf } from "./order.js";
import { MediaSourcePlayer } from "./play/media_source.js";
import { WebAudioPlayer } from "./play/web_audio.js";
import { Refusal } from "./refusal.js";
import { send } from "./service.js";
import { Mp3Sound } from "./sound/mp3.js";
import { PcmSound } from "./sound/pcm.js";
import { Peaks } from "./sound/peaks.js";

const MS_PER_S = 1000;

/**
 * States: waiting, streaming, then done, stopped (by the listener) or failed (see `refusal`).
 * Events: state.
 */
export class Take extends EventTarget {
  state = "waiting";
  peaks = new Peaks();
  engine = "";
  voiceMatch = "";
  firstHeardS = null;
  underruns = [];
  refusal = null;
  #abort = new AbortController();
  #startedMs = performance.now();
  #tookS = null;

  constructor(order) {
    super();
    this.order = order;
    this.voice = order.voice;
    const mp3 = order.fields.format === "mp3";
    this.player = mp3 ? new MediaSourcePlayer() : new WebAudioPlayer();
    const heard = (samples, rateHz) => {
      this.peaks.push(samples, rateHz);
      this.player.pushSamples(samples);
    };
    this.sound = mp3 ? new Mp3Sound(heard) : new PcmSound(heard);
    this.player.addEventListener("heard", () => {
      this.firstHeardS = this.elapsedS;
    });
    this.player.addEventListener("underrun", () => this.underruns.push(this.elapsedS));
  }

  /** Whether audio may still come. */
  get busy() {
    return this.state === "waiting" || this.state === "streaming";
  }

  /** Seconds since the order. */
  get elapsedS() {
    return (performance.now() - this.#startedMs) / MS_PER_S;
  }

  /** Seconds of audio that are here. */
  get audioS() {
    return this.sound.durationS;
  }

  /** Seconds that making took for each second of audio; null before there is any. */
  get realTimeFactor() {
    return this.audioS ? (this.#tookS ?? this.elapsedS) / this.audioS : null;
  }

  /** Seconds of audio that are here and not yet heard. */
  get leadS() {
    return Math.max(0, this.audioS - this.player.timeS);
  }

  /** Ask, and take what comes; resolves when nothing more will. */
  async run() {
    try {
      const response = await send(this.order.path, {
        ...requestOf(this.order), signal: this.#abort.signal,
      });
      this.engine = response.headers.get("x-tts-engine") ?? "";
      this.voice ||= response.headers.get("x-tts-voice") ?? "";
      this.voiceMatch = response.headers.get("x-tts-voice-match") ?? "";
      await this.#read(response.body.getReader());
      this.#tookS = this.elapsedS;
      this.player.finish();
      await this.sound.finish();
      this.#become("done");
    } catch (error) {
      await this.#fail(error);
    }
  }

  /** Want no more of it: the service stops making it. */
  stop() {
    this.#abort.abort();
  }

  blob() {
    return this.sound.blob();
  }

  async #read(reader) {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      this.sound.push(value);
      this.player.pushBytes(value);
      if (this.state === "waiting") this.#become("streaming");
    }
  }

  async #fail(error) {
    const known = error instanceof Refusal || error instanceof TypeError;
    if (!known && error.name !== "AbortError") throw error;
    this.#tookS = this.elapsedS;
    this.player.finish();
    await this.sound.finish();
    if (this.#abort.signal.aborted) this.#become("stopped");
    else {
      this.refusal = error instanceof Refusal ? error : Refusal.cut();
      this.#become("failed");
    }
  }

  #become(state) {
    this.state = state;
    this.dispatchEvent(new Event("state"));
  }
}
