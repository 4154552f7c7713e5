/** Raw samples as they arrive: signed 16-bit little-endian, one channel. */

export const RATE_HZ = 24_000;
const SAMPLE_BYTES = 2;
const FULL_SCALE = 32_768;
const WAV_HEADER_BYTES = 44;

export class PcmSound {
  mediaType = "audio/wav";
  extension = "wav";
  durationS = 0;
  #parts = [];
  #rest = new Uint8Array(0);

  /** @param {(samples: Float32Array, rateHz: number) => void} heard takes what was decoded */
  constructor(heard) {
    this.heard = heard;
  }

  /** Take bytes of the stream, cut anywhere, also inside a sample. */
  push(bytes) {
    const data = new Uint8Array(this.#rest.length + bytes.length);
    data.set(this.#rest);
    data.set(bytes, this.#rest.length);
    const whole = data.length - (data.length % SAMPLE_BYTES);
    this.#rest = data.slice(whole);
    if (!whole) return;
    const part = data.slice(0, whole);
    this.#parts.push(part);
    this.durationS += whole / SAMPLE_BYTES / RATE_HZ;
    this.heard(samplesOf(part), RATE_HZ);
  }

  async finish() {}

  blob() {
    const bytes = this.#parts.reduce((sum, part) => sum + part.length, 0);
    return new Blob([wavHeader(bytes), ...this.#parts], { type: this.mediaType });
  }
}

function samplesOf(bytes) {
  const view = new DataView(bytes.buffer);
  const samples = new Float32Array(bytes.length / SAMPLE_BYTES);
  for (let i = 0; i < samples.length; i += 1) {
    samples[i] = view.getInt16(i * SAMPLE_BYTES, true) / FULL_SCALE;
  }
  return samples;
}

function wavHeader(dataBytes) {
  const view = new DataView(new ArrayBuffer(WAV_HEADER_BYTES));
  const ascii = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
  ascii(0, "RIFF");
  view.setUint32(4, WAV_HEADER_BYTES - 8 + dataBytes, true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, RATE_HZ, true);
  view.setUint32(28, RATE_HZ * SAMPLE_BYTES, true);
  view.setUint16(32, SAMPLE_BYTES, true);
  view.setUint16(34, 8 * SAMPLE_BYTES, true);
  ascii(36, "data");
  view.setUint32(40, dataBytes, true);
  return view.buffer;
}
