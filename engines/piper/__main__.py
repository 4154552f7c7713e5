"""``python -m engines.piper TEXT --out FILE``: speak into a file, without Ray.

The built-in voices were made with this: see voices/README.md.
"""

import argparse
import asyncio
from pathlib import Path

import numpy as np
import soundfile
import soxr

from configs.engines import PiperSettings
from engines.piper.engine import PiperEngine, PiperPitch
from engines.protocol import Mode, SynthesisRequest

_OUTPUT_RATE_HZ = 24_000


def main() -> None:
    """Speak the text of the command line."""
    parser = argparse.ArgumentParser(prog="python -m engines.piper", description=__doc__)
    parser.add_argument("text")
    parser.add_argument("--out", type=Path, required=True, help="a .wav or .flac file")
    parser.add_argument("--language", default="en", help="en or ms")
    parser.add_argument("--pitch-hz", type=float, help="median pitch; by default the voice's own")
    parser.add_argument("--speed", type=float, default=1.0)
    arguments = parser.parse_args()
    request = SynthesisRequest(
        text=arguments.text,
        language=arguments.language,
        mode=Mode.ZERO_SHOT if arguments.pitch_hz else Mode.TTS,
        speed=arguments.speed,
        voice=PiperPitch(arguments.pitch_hz) if arguments.pitch_hz else None,
    )
    samples, rate_hz = asyncio.run(_speak(request))
    soundfile.write(
        arguments.out, soxr.resample(samples, rate_hz, _OUTPUT_RATE_HZ), _OUTPUT_RATE_HZ
    )


async def _speak(request: SynthesisRequest) -> tuple[np.ndarray, int]:
    engine = PiperEngine(PiperSettings(engine="piper"))
    try:
        chunks = [samples async for samples in engine.synthesize(request)]
    finally:
        engine.close()
    return np.concatenate(chunks), engine.info.sample_rate_hz


if __name__ == "__main__":
    main()
