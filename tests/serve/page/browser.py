"""Chromium for the page's tests: where it is, how it starts, and ears for it."""

import shutil
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--autoplay-policy=no-user-gesture-required",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
]  # fmt: skip

EARS = """
window.ears = [];
const connect = AudioNode.prototype.connect;
function listen(context, source) {
  const ear = context.createAnalyser();
  connect.call(source, ear);
  window.ears.push(ear);
}
AudioNode.prototype.connect = function (target, ...rest) {
  if (target instanceof AudioDestinationNode) listen(this.context, this);
  return connect.call(this, target, ...rest);
};
addEventListener("DOMContentLoaded", () => {
  const sound = document.querySelector("#sound");
  sound.addEventListener("playing", () => {
    const context = new AudioContext();
    listen(context, context.createMediaStreamSource(sound.captureStream()));
  });
});
const open = (ear) => ear.context.state === "running";
window.loudness = () => Math.max(0, ...window.ears.filter(open).map((ear) => {
  const samples = new Float32Array(ear.fftSize);
  ear.getFloatTimeDomainData(samples);
  return Math.max(...samples.map(Math.abs));
}));
"""
"""Taps whatever is played, from outside the page's own code: ``loudness()`` is the present peak."""


def find_chromium(playwright):
    """The browser's path: an installed one, or Playwright's own; None where there is none."""
    own = playwright.chromium.executable_path
    found = [shutil.which(name) for name in NAMES] + [own if Path(own).exists() else None]
    return next((path for path in found if path), None)
