"""A small random VITS checkpoint on disk, in the released layout."""

import json

import torch
from transformers import VitsConfig, VitsModel, VitsTokenizer

LETTERS = " abcdefghijklmnopqrstuvwxyz'-"
SMALL = {
    "vocab_size": len(LETTERS), "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "ffn_dim": 16, "flow_size": 16, "spectrogram_bins": 9,
    "duration_predictor_filter_channels": 16, "prior_encoder_num_wavenet_layers": 1,
    "posterior_encoder_num_wavenet_layers": 1, "prior_encoder_num_flows": 2,
    "upsample_initial_channel": 16, "upsample_rates": [8, 8], "upsample_kernel_sizes": [16, 16],
    "resblock_kernel_sizes": [3], "resblock_dilation_sizes": [[1]],
    "depth_separable_num_layers": 1, "duration_predictor_num_flows": 2,
    "wavenet_dilation_rate": 1, "sampling_rate": 16_000,
}  # fmt: skip


def write_checkpoint(folder, *, is_uroman=False, **settings):
    """A checkpoint in ``folder``; ``settings`` take the place of the small ones."""
    folder.mkdir()
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({letter: i for i, letter in enumerate(LETTERS)}))
    tokenizer = VitsTokenizer(
        str(vocabulary), language="tst", phonemize=False, is_uroman=is_uroman,
        pad_token=" ", unk_token="-",
    )  # fmt: skip
    torch.manual_seed(0)
    VitsModel(VitsConfig(**{**SMALL, **settings})).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)
