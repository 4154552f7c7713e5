/** Painting on canvases: the waveform, and how far the audio is ahead of the listener. */

const BAR_PX = 3;
const GAP_PX = 2;
const SHORTEST_S = 6;
const LEAD_WINDOW_S = 1;

/** Paint `peaks` up to `audioS`; what lies before `heardS` in the accent colour. */
export function paintWaveform(canvas, peaks, audioS, heardS) {
  const { context, width, height, colours } = prepare(canvas);
  const secondsPerPx = Math.max(audioS, SHORTEST_S) / width;
  for (let x = 0; x < width; x += BAR_PX + GAP_PX) {
    const fromS = x * secondsPerPx;
    const toS = (x + BAR_PX + GAP_PX) * secondsPerPx;
    const loud = Math.sqrt(peaks.between(fromS, toS)) * height * 0.86;
    const tall = Math.max(BAR_PX, loud);
    context.fillStyle = fromS < heardS ? colours.accent : colours.muted;
    context.beginPath();
    context.roundRect(x, (height - tall) / 2, BAR_PX, tall, BAR_PX / 2);
    context.fill();
  }
}

/** The time that the waveform's right edge stands for. */
export function spanS(audioS) {
  return Math.max(audioS, SHORTEST_S);
}

/** Paint `[{atS, leadS}]` as an area over time, with a mark at each underrun. */
export function paintLead(canvas, history, underruns) {
  const { context, width, height, colours } = prepare(canvas);
  const lastS = Math.max(LEAD_WINDOW_S, history.at(-1)?.atS ?? 0);
  const mostS = Math.max(LEAD_WINDOW_S, ...history.map(({ leadS }) => leadS));
  context.fillStyle = colours.accent;
  context.globalAlpha = 0.28;
  context.beginPath();
  context.moveTo(0, height);
  for (const { atS, leadS } of history) {
    context.lineTo((atS / lastS) * width, height - (leadS / mostS) * (height - 2));
  }
  context.lineTo(((history.at(-1)?.atS ?? 0) / lastS) * width, height);
  context.fill();
  context.globalAlpha = 1;
  context.fillStyle = colours.muted;
  context.fillRect(0, height - 1, width, 1);
  context.fillStyle = colours.bad;
  for (const atS of underruns) context.fillRect((atS / lastS) * width - 1, 0, 2, height);
}

/** Paint how loud it is now, from 0 to 1. */
export function paintLevel(canvas, level) {
  const { context, width, height, colours } = prepare(canvas);
  for (let x = 0; x < width; x += BAR_PX + GAP_PX) {
    context.fillStyle = x / width < Math.sqrt(level) ? colours.accent : colours.muted;
    context.fillRect(x, height * 0.3, BAR_PX, height * 0.4);
  }
}

/** Size the canvas for the screen's pixels and clear it; colours come from its style. */
function prepare(canvas) {
  const scale = devicePixelRatio || 1;
  const width = canvas.clientWidth;
  canvas.dataset.height ??= canvas.getAttribute("height");
  const height = Number(canvas.dataset.height);
  canvas.width = Math.round(width * scale);
  canvas.height = Math.round(height * scale);
  canvas.style.height = `${height}px`;
  const style = getComputedStyle(canvas);
  const colours = { accent: style.color, muted: style.borderTopColor, bad: style.outlineColor };
  const context = canvas.getContext("2d");
  context.scale(scale, scale);
  return { context, width, height, colours };
}
