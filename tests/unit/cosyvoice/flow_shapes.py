"""The state dict of a flow of any size, as upstream writes it: {name: [shape, dtype]}."""

from collections.abc import Iterator

from engines.cosyvoice.config import ConformerConfig, DitConfig, FlowConfig

Entry = tuple[str, tuple[int, ...]]


def flow_shapes(config: FlowConfig) -> dict[str, list]:
    return {name: [list(shape), "float32"] for name, shape in _entries(config)}


def _entries(config: FlowConfig) -> Iterator[Entry]:
    yield "input_embedding.weight", (config.vocab, config.front.width)
    yield from _linear("spk_embed_affine_layer", 80, 192)
    if isinstance(config.front, ConformerConfig):
        yield from _conformer(config.front)
        yield from _linear("encoder_proj", 80, config.front.width)
    else:
        width = config.front.width
        yield from _lookahead("pre_lookahead_layer", width, config.front.channels)
    if isinstance(config.estimator, DitConfig):
        estimator = _dit(config.estimator)
    else:
        estimator = _unet(config.estimator)
    for name, shape in estimator:
        yield f"decoder.estimator.{name}", shape


def _linear(name: str, out: int, inside: int, *kernel: int, bias: bool = True) -> Iterator[Entry]:
    yield f"{name}.weight", (out, inside, *kernel)
    if bias:
        yield f"{name}.bias", (out,)


def _norm(name: str, width: int) -> Iterator[Entry]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _lookahead(name: str, width: int, channels: int) -> Iterator[Entry]:
    yield from _linear(f"{name}.conv1", channels, width, 4)
    yield from _linear(f"{name}.conv2", width, channels, 3)


def _conformer(c) -> Iterator[Entry]:
    for embed in ("embed", "up_embed"):
        yield from _linear(f"encoder.{embed}.out.0", c.width, c.width)
        yield from _norm(f"encoder.{embed}.out.1", c.width)
    yield from _norm("encoder.after_norm", c.width)
    yield from _lookahead("encoder.pre_lookahead_layer", c.width, c.width)
    yield from _linear("encoder.up_layer.conv", c.width, c.width, 5)
    for stack, layers in (("encoders", c.layers), ("up_encoders", c.up_layers)):
        for n in range(layers):
            yield from _conformer_layer(f"encoder.{stack}.{n}", c)


def _conformer_layer(name: str, c) -> Iterator[Entry]:
    for bias in ("pos_bias_u", "pos_bias_v"):
        yield f"{name}.self_attn.{bias}", (c.heads, c.width // c.heads)
    for linear in ("linear_q", "linear_k", "linear_v", "linear_out"):
        yield from _linear(f"{name}.self_attn.{linear}", c.width, c.width)
    yield from _linear(f"{name}.self_attn.linear_pos", c.width, c.width, bias=False)
    yield from _linear(f"{name}.feed_forward.w_1", c.ffn, c.width)
    yield from _linear(f"{name}.feed_forward.w_2", c.width, c.ffn)
    yield from _norm(f"{name}.norm_ff", c.width)
    yield from _norm(f"{name}.norm_mha", c.width)


def _unet(c) -> Iterator[Entry]:
    width = c.channels
    yield from _linear("time_mlp.linear_1", 4 * width, 320)
    yield from _linear("time_mlp.linear_2", 4 * width, 4 * width)
    yield from _stage("down_blocks.0", c, 320)
    yield from _linear("down_blocks.0.2", width, width, 3)
    for n in range(c.mid):
        yield from _stage(f"mid_blocks.{n}", c, width)
    yield from _stage("up_blocks.0", c, 2 * width)
    yield from _linear("up_blocks.0.2", width, width, 3)
    yield from _block("final_block", width, width)
    yield from _linear("final_proj", 80, width, 1)


def _block(name: str, out: int, inside: int) -> Iterator[Entry]:
    yield from _linear(f"{name}.block.0", out, inside, 3)
    yield from _norm(f"{name}.block.2", out)


def _stage(name: str, c, inside: int) -> Iterator[Entry]:
    width, inner = c.channels, c.heads * c.head_dim
    yield from _linear(f"{name}.0.mlp.1", width, 4 * width)
    yield from _block(f"{name}.0.block1", width, inside)
    yield from _block(f"{name}.0.block2", width, width)
    yield from _linear(f"{name}.0.res_conv", width, inside, 1)
    for n in range(c.blocks):
        block = f"{name}.1.{n}"
        yield from _norm(f"{block}.norm1", width)
        for part in ("to_q", "to_k", "to_v"):
            yield from _linear(f"{block}.attn1.{part}", inner, width, bias=False)
        yield from _linear(f"{block}.attn1.to_out.0", width, inner)
        yield from _norm(f"{block}.norm3", width)
        yield from _linear(f"{block}.ff.net.0.proj", 4 * width, width)
        yield from _linear(f"{block}.ff.net.2", width, 4 * width)


def _dit(c) -> Iterator[Entry]:
    inner = c.heads * c.head_dim
    yield from _linear("time_embed.time_mlp.0", c.dim, 256)
    yield from _linear("time_embed.time_mlp.2", c.dim, c.dim)
    yield from _linear("input_embed.proj", c.dim, 320)
    for conv in ("conv1", "conv2"):
        name = f"input_embed.conv_pos_embed.{conv}.0"
        yield from _linear(name, c.dim, c.dim // c.conv_groups, c.conv_kernel)
    yield "rotary_embed.inv_freq", (c.head_dim // 2,)
    for n in range(c.depth):
        block = f"transformer_blocks.{n}"
        yield from _linear(f"{block}.attn_norm.linear", 6 * c.dim, c.dim)
        for part in ("to_q", "to_k", "to_v"):
            yield from _linear(f"{block}.attn.{part}", inner, c.dim)
        yield from _linear(f"{block}.attn.to_out.0", c.dim, inner)
        yield from _linear(f"{block}.ff.ff.0.0", c.ff_mult * c.dim, c.dim)
        yield from _linear(f"{block}.ff.ff.2", c.dim, c.ff_mult * c.dim)
    yield from _linear("norm_out.linear", 2 * c.dim, c.dim)
    yield from _linear("proj_out", 80, c.dim)
