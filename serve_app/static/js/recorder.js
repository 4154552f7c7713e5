/** Recording in the page: the microphone, a level, a limit. */

const LONGEST_S = 30;
const TICK_MS = 50;
/** As the speaker sounds: what makes calls pleasant takes from a voice what makes it one. */
const UNTOUCHED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Why there can be no recording; `key` is the sentence that says so. */
export class NoMicrophone extends Error {
  constructor(key) {
    super(key);
    this.key = key;
  }
}

export class Recorder {
  #stream;
  #recorder;
  #context;
  #timer;

  /**
   * @param {(seconds: number, level: number) => void} heard is told how long and how loud it is
   * @param {(file: File) => void} done takes the recording, as the browser encodes it
   */
  constructor(heard, done) {
    this.heard = heard;
    this.done = done;
  }

  /** @throws {NoMicrophone} there is none, or we may not use it */
  async start() {
    if (!navigator.mediaDevices || !window.MediaRecorder) throw new NoMicrophone("record.insecure");
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: UNTOUCHED });
    } catch (error) {
      throw new NoMicrophone(error.name === "NotAllowedError" ? "record.denied" : "record.none");
    }
    this.#record();
    this.#watch();
  }

  stop() {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }

  #record() {
    const parts = [];
    this.#recorder = new MediaRecorder(this.#stream);
    this.#recorder.ondataavailable = ({ data }) => parts.push(data);
    this.#recorder.onstop = () => {
      this.#release();
      const type = this.#recorder.mimeType;
      const extension = type.includes("mp4") ? "m4a" : type.includes("ogg") ? "ogg" : "webm";
      this.done(new File(parts, `recording.${extension}`, { type }));
    };
    this.#recorder.start();
  }

  #watch() {
    this.#context = new AudioContext();
    const analyser = this.#context.createAnalyser();
    this.#context.createMediaStreamSource(this.#stream).connect(analyser);
    const samples = new Float32Array(analyser.fftSize);
    const startedMs = performance.now();
    this.#timer = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const seconds = (performance.now() - startedMs) / 1000;
      this.heard(seconds, Math.max(...samples.map(Math.abs)));
      if (seconds >= LONGEST_S) this.stop();
    }, TICK_MS);
  }

  #release() {
    clearInterval(this.#timer);
    for (const track of this.#stream.getTracks()) track.stop();
    this.#context.close();
  }
}
