/** The player: shows one take, lets it be heard, paused, and sought in. */
import { byId } from "./dom.js";
import { clock, showFigures } from "./figures.js";
import { hush, label, say } from "./language.js";
import { FilePlayer } from "./play/file.js";
import { paintLead, paintWaveform, spanS } from "./waveform.js";
import { Peaks } from "./sound/peaks.js";

const LEAD_EVERY_S = 0.1;

export class Stage {
  #take = null;
  #player = null;
  #lead = [];
  #painting = false;

  constructor() {
    byId("toggle").addEventListener("click", () => this.#toggle());
    byId("position").addEventListener("input", (event) => this.#seek(Number(event.target.value)));
    for (const type of ["themechange", "languagechange"]) {
      document.addEventListener(type, () => this.#paint());
    }
    new ResizeObserver(() => this.#paint()).observe(byId("waveform"));
    this.#showToggle();
  }

  /** Show a take that is being made, heard through its own player. */
  show(take) {
    this.#use(take, take.player);
    this.#lead = [];
    take.addEventListener("state", () => this.#changed(take));
    this.#changed(take);
    this.#animate();
  }

  /** Play a take that is complete from its beginning. */
  replay(take) {
    this.#useFile(take);
    this.#lead = [];
    this.#changed(take);
    this.#player.play();
  }

  /** Fall silent. */
  pause() {
    this.#player?.pause();
  }

  /** Let go of the page's audio element: before another player takes it. */
  clear() {
    this.#player?.close();
    this.#player = null;
    this.#take = null;
  }

  #useFile(take) {
    this.clear();
    this.#use(take, new FilePlayer(take.blob()));
  }

  #use(take, player) {
    this.#take = take;
    this.#player = player;
    for (const type of ["change", "ended"]) {
      player.addEventListener(type, () => this.#player === player && this.#animate());
    }
  }

  #changed(take) {
    if (take !== this.#take) return;
    byId("player").dataset.state = take.state;
    if (take.state === "stopped") this.#useFile(take);
    const complete = !take.busy && take.audioS > 0;
    byId("toggle").disabled = !take.audioS && take.state !== "streaming";
    byId("position").disabled = !complete;
    byId("position").max = String(spanS(take.audioS));
    showSpeaker(take);
    showDownload(complete ? take : null);
    say(byId("waiting"), take.state === "waiting" ? "player.waiting" : "player.empty");
    this.#animate();
  }

  #toggle() {
    const over = !this.#take.busy && this.#player.timeS >= this.#take.audioS - 0.05;
    if (over && !(this.#player instanceof FilePlayer)) this.replay(this.#take);
    else if (this.#player.paused || over) this.#player.play();
    else this.#player.pause();
  }

  #seek(timeS) {
    if (!(this.#player instanceof FilePlayer)) {
      const playing = !this.#player.paused;
      this.#useFile(this.#take);
      if (playing) this.#player.play();
    }
    this.#player.timeS = Math.min(timeS, this.#take.audioS);
    this.#animate();
  }

  /** Paint in every frame while something moves, and once more when it has come to rest. */
  #animate() {
    if (this.#painting) return;
    this.#painting = true;
    const frame = () => {
      this.#paint();
      this.#painting = Boolean(this.#take) && (this.#take.busy || this.#sounding());
      if (this.#painting) requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  #sounding() {
    return !this.#player.paused && this.#player.timeS < this.#take.audioS - 0.01;
  }

  #paint() {
    const take = this.#take;
    const timeS = this.#player?.timeS ?? 0;
    paintWaveform(byId("waveform"), take?.peaks ?? new Peaks(), take?.audioS ?? 0, timeS);
    showFigures(take);
    if (!take) return;
    this.#noteLead(take);
    paintLead(byId("lead"), this.#lead, take.underruns);
    label(byId("lead"), "lead.now", { seconds: (this.#lead.at(-1)?.leadS ?? 0).toFixed(1) });
    byId("time").textContent = clock(timeS);
    byId("duration").textContent = clock(take.audioS);
    byId("position").value = String(timeS);
    byId("position").setAttribute("aria-valuetext", clock(timeS));
    this.#showToggle();
  }

  #noteLead(take) {
    if (this.#player !== take.player || !(take.busy || this.#sounding())) return;
    const atS = take.elapsedS;
    if (atS - (this.#lead.at(-1)?.atS ?? -1) < LEAD_EVERY_S) return;
    this.#lead.push({ atS, leadS: take.leadS });
  }

  #showToggle() {
    const playing = this.#take && (this.#sounding() || (this.#take.busy && !this.#player.paused));
    label(byId("toggle"), playing ? "pause" : "play");
    byId("toggle-icon").setAttribute("href", `icons.svg#${playing ? "pause" : "play"}`);
  }
}

function showSpeaker(take) {
  const element = byId("spoken-by");
  if (!take.engine) hush(element);
  else say(element, take.voiceMatch === "pitch" ? "player.pitch" : "player.by",
    { engine: take.engine, voice: take.voice });
}

function showDownload(take) {
  const link = byId("download");
  URL.revokeObjectURL(link.href);
  link.hidden = !take;
  if (!take) return;
  link.href = URL.createObjectURL(take.blob());
  link.download = `speech.${take.sound.extension}`;
}
