import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from engines.cosyvoice.hift.conv import nearest_phases, transposed_phases
from engines.cosyvoice.hift.noise import SeededNoise
from engines.cosyvoice.hift.resblock import Snake
from engines.cosyvoice.hift.spectrum import Analysis, Synthesis

CPU = torch.device("cpu")


def drawn(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def spread(phases, factor):
    batch, _, columns = phases.shape
    return (
        phases.view(batch, factor, -1, columns)
        .permute(0, 2, 3, 1)
        .reshape(batch, -1, columns * factor)
    )


@pytest.mark.parametrize(("kernel", "factor"), [(16, 8), (11, 5), (7, 3), (4, 2), (9, 3), (6, 6)])
def test_a_transposed_convolution_is_a_convolution_into_phases(kernel, factor):
    weight, x = drawn(5, 4, kernel), drawn(2, 5, 9, seed=1)
    padding = (kernel - factor) // 2
    phases, edge = transposed_phases(weight, factor, padding)
    expected = F.conv_transpose1d(x, weight, stride=factor, padding=padding)
    ours = spread(F.conv1d(x, phases, padding=edge), factor)
    size = expected.shape[-1]
    assert torch.allclose(ours[..., :size], expected, atol=1e-5)


@pytest.mark.parametrize(("kernel", "factor"), [(16, 8), (11, 5), (7, 3), (4, 2), (9, 3), (1, 2)])
def test_repetition_and_convolution_is_a_convolution_into_phases(kernel, factor):
    weight, x = drawn(5, 4, kernel), drawn(2, 4, 9, seed=1)
    phases, history = nearest_phases(weight, factor)
    repeated = F.pad(x.repeat_interleave(factor, dim=-1), (kernel - 1, 0))
    expected = F.conv1d(repeated, weight)
    ours = spread(F.conv1d(F.pad(x, (history, 0)), phases), factor)
    assert torch.allclose(ours, expected, atol=1e-5)
    assert history < kernel or kernel == 1


@pytest.mark.parametrize("n_fft", [16, 8])
@pytest.mark.parametrize("frames", [3, 4, 30])
def test_transforms_equal_torch(n_fft, frames):
    hop = n_fft // 4
    window = torch.hann_window(n_fft)
    samples = drawn(2, hop * (frames * 4))
    padded = F.pad(samples, (n_fft // 2, n_fft // 2), mode="reflect")
    ours = Analysis(n_fft, hop, CPU).forward(padded)
    expected = torch.stft(samples, n_fft, hop, window=window, return_complex=True)
    expected = torch.cat((expected.real, expected.imag), dim=1)
    assert torch.allclose(ours[:, :, 0], expected, atol=1e-5)

    spectrum = torch.complex(
        drawn(2, n_fft // 2 + 1, frames), drawn(2, n_fft // 2 + 1, frames, seed=2)
    )
    inverse = torch.istft(spectrum, n_fft, hop, window=window)
    synthesis = Synthesis(n_fft, hop, CPU)
    parts = torch.cat((spectrum.real, spectrum.imag), dim=1).transpose(1, 2)
    blocks = synthesis.overlap_add(parts, torch.zeros(2, synthesis.overlap, hop))
    inside = blocks[:, synthesis.lead_blocks : frames + 1]
    for row in range(2):
        made = synthesis.finish(inside[row], is_head=True, is_tail=True)
        assert torch.allclose(made, inverse[row], atol=1e-5)


def test_overlap_add_may_be_cut_anywhere():
    synthesis = Synthesis(16, 4, CPU)
    spectra = drawn(1, 20, 18)
    whole = synthesis.overlap_add(spectra, torch.zeros(1, 3, 4))
    carried, blocks = torch.zeros(1, 3, 4), []
    for start, end in ((0, 1), (1, 3), (3, 15), (15, 20)):
        made = synthesis.overlap_add(spectra[:, start:end], carried)
        blocks.append(made[:, :-3])
        carried = made[:, -3:]
    assert torch.allclose(torch.cat([*blocks, carried], dim=1), whole, atol=1e-6)


def test_snake_is_its_formula_and_leaves_its_input_alone():
    alpha = drawn(6).abs() + 0.2
    x = drawn(2, 6, 1, 9)
    before = x.clone()
    a = alpha[:, None, None]
    assert torch.allclose(Snake(alpha)(x), x + torch.sin(a * x) ** 2 / a, atol=1e-6)
    assert torch.equal(x, before)
    assert not Snake(alpha)(torch.zeros(1, 6, 1, 3)).any()


@pytest.mark.parametrize("uniform", [True, False])
def test_noise_is_one_stream_however_it_is_cut(uniform):
    def noise(seed):
        return SeededNoise(seed, channels=9, uniform=uniform, device=CPU)

    whole = noise(3).draw(9600)
    assert not torch.equal(noise(4).draw(9600), whole)
    assert not torch.equal(noise(None).draw(9600), noise(None).draw(9600))
    assert torch.equal(noise(3).draw(9600), whole)
    mean, spread_of = (0.5, 12**-0.5) if uniform else (0.0, 1.0)
    assert float(whole.mean()) == pytest.approx(mean, abs=0.02)
    assert float(whole.std()) == pytest.approx(spread_of, abs=0.02)
