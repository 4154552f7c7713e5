"""The vocoder written down plainly, one sequence at a time: what the fast one must equal."""

from math import prod

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from engines.cosyvoice.config import MEL_HOP, SAMPLE_RATE_HZ, HiftConfig


class PlainHift:
    """Runs on folded weights, straight from upstream's key names."""

    def __init__(self, state: dict[str, Tensor], config: HiftConfig) -> None:
        self.state = {name: tensor.float() for name, tensor in state.items()}
        self.wide = state
        self.config = config

    def conv(self, name: str, x: Tensor, dilation: int = 1, *, ahead: bool = False) -> Tensor:
        weight = self.state[f"{name}.weight"].to(x.dtype)
        bias = self.state[f"{name}.bias"].to(x.dtype)
        if x.dtype == torch.float64:
            weight, bias = self.wide[f"{name}.weight"].double(), self.wide[f"{name}.bias"].double()
        reach = (weight.shape[-1] - 1) * dilation
        if self.config.causal:
            x = F.pad(x, (0, reach) if ahead else (reach, 0))
            return F.conv1d(x, weight, bias, dilation=dilation)
        return F.conv1d(x, weight, bias, dilation=dilation, padding=reach // 2)

    def up(self, index: int, x: Tensor) -> Tensor:
        factor, kernel = self.config.up_rates[index], self.config.up_kernels[index]
        weight, bias = self.state[f"ups.{index}.weight"], self.state[f"ups.{index}.bias"]
        if self.config.causal:
            x = F.pad(x.repeat_interleave(factor, dim=-1), (kernel - 1, 0))
            return F.conv1d(x, weight, bias)
        return F.conv_transpose1d(x, weight, bias, stride=factor, padding=(kernel - factor) // 2)

    def down(self, index: int, x: Tensor) -> Tensor:
        factor = prod(self.config.up_rates[index + 1 :])
        weight = self.state[f"source_downs.{index}.weight"]
        bias = self.state[f"source_downs.{index}.bias"]
        if factor == 1:
            return F.conv1d(x, weight, bias)
        if self.config.causal:
            return F.conv1d(F.pad(x, (factor - 1, 0)), weight, bias, stride=factor)
        return F.conv1d(x, weight, bias, stride=factor, padding=factor // 2)

    def snake(self, name: str, x: Tensor) -> Tensor:
        alpha = self.state[f"{name}.alpha"][:, None]
        return x + (1.0 / (alpha + 1e-9)) * torch.pow(torch.sin(x * alpha), 2)

    def block(self, name: str, x: Tensor, dilations: tuple[int, ...]) -> Tensor:
        for index, dilation in enumerate(dilations):
            y = self.snake(f"{name}.activations1.{index}", x)
            y = self.conv(f"{name}.convs1.{index}", y, dilation)
            y = self.snake(f"{name}.activations2.{index}", y)
            x = x + self.conv(f"{name}.convs2.{index}", y)
        return x

    def f0(self, mel: Tensor) -> Tensor:
        x = mel[None].double() if self.config.causal else mel[None]
        for index in range(5):
            x = F.elu(self.conv(f"f0_predictor.condnet.{2 * index}", x, ahead=index == 0))
        weight = self.wide["f0_predictor.classifier.weight"].to(x.dtype)
        bias = self.wide["f0_predictor.classifier.bias"].to(x.dtype)
        return F.linear(x.transpose(1, 2), weight, bias)[0, :, 0].abs().float()

    def source(self, f0: Tensor, noise: Tensor) -> Tensor:
        config = self.config
        multiples = torch.arange(1, config.harmonics + 2).float()
        turns = ((f0[:, None] * multiples) / SAMPLE_RATE_HZ % 1).cumsum(0)
        phase = (turns * 2 * torch.pi * MEL_HOP).T[None]
        mode = "nearest" if config.causal else "linear"
        sines = F.interpolate(phase, scale_factor=MEL_HOP, mode=mode)[0].T.sin()
        voiced = (f0 > config.voiced_threshold_hz).float().repeat_interleave(MEL_HOP)[:, None]
        level = voiced * config.noise_std + (1 - voiced) * config.sine_amplitude / 3
        mixed = config.sine_amplitude * sines * voiced + level * noise
        weight, bias = self.state["m_source.l_linear.weight"], self.state["m_source.l_linear.bias"]
        return F.linear(mixed, weight, bias)[:, 0].tanh()

    def decode(self, mel: Tensor, source: Tensor) -> Tensor:
        config = self.config
        n_fft, hop = config.istft_n_fft, config.istft_hop
        window = torch.hann_window(n_fft)
        spectrum = torch.stft(source[None], n_fft, hop, window=window, return_complex=True)
        spectrum = torch.cat((spectrum.real, spectrum.imag), dim=1)
        x = self.conv("conv_pre", mel[None], ahead=True)
        for index in range(len(config.up_rates)):
            x = self.up(index, F.leaky_relu(x, config.lrelu_slope))
            if index == len(config.up_rates) - 1:
                x = F.pad(x, (1, 0), mode="reflect")
            mixed = self.down(index, spectrum)
            dilations = config.source_res_dilations[index]
            x = x + self.block(f"source_resblocks.{index}", mixed, dilations)
            count = len(config.res_kernels)
            blocks = [
                self.block(f"resblocks.{index * count + which}", x, config.res_dilations[which])
                for which in range(count)
            ]
            x = sum(blocks) / count
        x = self.conv("conv_post", F.leaky_relu(x, config.last_lrelu_slope))
        magnitude = x[:, : n_fft // 2 + 1].exp().clip(max=1e2)
        phase = x[:, n_fft // 2 + 1 :].sin()
        speech = torch.istft(torch.polar(magnitude, phase), n_fft, hop, window=window)
        return speech[0].clamp(-config.audio_limit, config.audio_limit)

    def render(self, mel: Tensor, noise: Tensor) -> Tensor:
        return self.decode(mel, self.source(self.f0(mel), noise))
