/** MP3 as it arrives: how long it is, and what its waveform looks like. */

const RATES_HZ = { 3: [44100, 48000, 32000], 2: [22050, 24000, 16000], 0: [11025, 12000, 8000] };
const KBPS_1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBPS_2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const HEADER_BYTES = 4;
const ID3_HEADER_BYTES = 10;
/** Decoding less at a time costs more than it shows. */
const DECODE_AT_LEAST_S = 0.4;

export class Mp3Sound {
  mediaType = "audio/mpeg";
  extension = "mp3";
  durationS = 0;
  #parts = [];
  #rest = new Uint8Array(0);
  #undecoded = [];
  #undecodedS = 0;
  #decoding = Promise.resolve();

  /** @param {(samples: Float32Array, rateHz: number) => void} heard takes what was decoded */
  constructor(heard) {
    this.heard = heard;
  }

  /** Take bytes of the stream, cut anywhere. */
  push(bytes) {
    this.#parts.push(bytes);
    const data = joined([this.#rest, bytes]);
    const end = this.#countFrames(data);
    this.#rest = data.subarray(end);
    if (end > 0) this.#undecoded.push(data.subarray(0, end));
    if (this.#undecodedS >= DECODE_AT_LEAST_S) this.#decode();
  }

  /** The stream has ended; resolves when everything is decoded. */
  async finish() {
    this.#decode();
    await this.#decoding;
  }

  blob() {
    return new Blob(this.#parts, { type: this.mediaType });
  }

  /** Count whole frames; return where the first incomplete one begins. */
  #countFrames(data) {
    let at = id3Bytes(data);
    while (at + HEADER_BYTES <= data.length) {
      const frame = frameAt(data, at);
      if (!frame) {
        at += 1;
        continue;
      }
      if (at + frame.bytes > data.length) break;
      at += frame.bytes;
      this.durationS += frame.durationS;
      this.#undecodedS += frame.durationS;
    }
    return Math.min(at, data.length);
  }

  #decode() {
    if (!this.#undecoded.length) return;
    const data = joined(this.#undecoded).buffer;
    this.#undecoded = [];
    this.#undecodedS = 0;
    this.#decoding = this.#decoding.then(() => decoded(data)).then((audio) => {
      if (audio) this.heard(audio.getChannelData(0), audio.sampleRate);
    });
  }
}

/** A piece that holds only tags decodes to nothing. */
async function decoded(data) {
  const context = new OfflineAudioContext(1, 1, 24_000);
  return context.decodeAudioData(data).catch(() => null);
}

/** Length of an ID3 tag at the beginning; 0 if there is none. */
function id3Bytes(data) {
  if (data.length < ID3_HEADER_BYTES || String.fromCharCode(...data.subarray(0, 3)) !== "ID3") {
    return 0;
  }
  const [a, b, c, d] = data.subarray(6, ID3_HEADER_BYTES);
  return ID3_HEADER_BYTES + ((a << 21) | (b << 14) | (c << 7) | d);
}

/** Read the header of the layer III frame at `at`; null where none begins. */
function frameAt(data, at) {
  if (data[at] !== 0xff || (data[at + 1] & 0xe6) !== 0xe2) return null;
  const version = (data[at + 1] >> 3) & 3;
  const rateHz = RATES_HZ[version]?.[(data[at + 2] >> 2) & 3];
  const kbps = (version === 3 ? KBPS_1 : KBPS_2)[data[at + 2] >> 4];
  if (!rateHz || !kbps) return null;
  const samples = version === 3 ? 1152 : 576;
  const padding = (data[at + 2] >> 1) & 1;
  const bytes = Math.floor((samples / 8) * ((kbps * 1000) / rateHz)) + padding;
  return { bytes, durationS: samples / rateHz };
}

function joined(parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
