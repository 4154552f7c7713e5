/** The waveform in small: the loudest sample of every hundredth of a second. */

export const PEAKS_PER_S = 100;

export class Peaks {
  values = [];
  #loudest = 0;
  #samples = 0;

  push(samples, rateHz) {
    const perPeak = rateHz / PEAKS_PER_S;
    for (const sample of samples) {
      this.#loudest = Math.max(this.#loudest, Math.abs(sample));
      this.#samples += 1;
      if (this.#samples >= perPeak) this.#close();
    }
  }

  get durationS() {
    return this.values.length / PEAKS_PER_S;
  }

  /** The loudest from `fromS` to `toS`. */
  between(fromS, toS) {
    const from = Math.floor(fromS * PEAKS_PER_S);
    const to = Math.max(from + 1, Math.floor(toS * PEAKS_PER_S));
    let loudest = 0;
    for (let i = from; i < to && i < this.values.length; i += 1) {
      loudest = Math.max(loudest, this.values[i]);
    }
    return loudest;
  }

  #close() {
    this.values.push(this.#loudest);
    this.#loudest = 0;
    this.#samples = 0;
  }
}
