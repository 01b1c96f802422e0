"""A decoder layer as one function with a hand-written backward pass, for packed texts on a CPU.

Against transformers' modules: fewer and larger matrix products (queries, keys and values in one; gate and up
in one), fewer passes over memory, and less kept for the backward pass: the outputs of the norms and the
product inside the MLP are recomputed, which is cheap. Tests hold it to the same numbers.

`drama.models.architectures` lists the architectures. Others, and other devices, go through `packed`.

Legend: T tokens of all texts end to end, D hidden size, H query heads, K key-value heads, G = H / K, E head
size, Q = (H + 2K)·E, F MLP neurons, L tokens of one text.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

from drama.models.architectures import architecture

_attend = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu.default
_attend_backward = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward.default


def can_fuse(backbone: Any) -> bool:
    """True if these layers, on their present device, can go through `fused_states`."""
    config = backbone.config
    return (
        architecture(config).fused
        and all(
            type(m) is torch.nn.Linear for n, m in backbone.layers[0].named_modules() if n.endswith("_proj")
        )
        and config.hidden_act == "silu"
        and not getattr(config, "mlp_bias", False)
        and not getattr(config, "attention_dropout", 0.0)
        and backbone.device.type == "cpu"
        and backbone.dtype == torch.float32
        and backbone.layers[0].self_attn.o_proj.bias is None
    )


def fused_states(backbone: Any, tokens: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Token states [T, D] of all texts end to end, float32, and lengths [B]: what `packed_states` gives."""
    length_B = torch.tensor([len(ids) for ids in tokens])
    ids_1T = torch.tensor([[i for ids in tokens for i in ids]])
    place_1T = torch.cat([torch.arange(len(ids)) for ids in tokens]).unsqueeze(0)
    x_TD = backbone.embed_tokens(ids_1T)[0]
    cos_1TE, sin_1TE = backbone.rotary_emb(x_TD.unsqueeze(0), place_1T)
    half = cos_1TE.shape[-1] // 2
    first = backbone.layers[0].self_attn
    shape = _Shape(
        bounds=[(int(end - n), int(end)) for n, end in zip(length_B, length_B.cumsum(0), strict=True)],
        cos_T1e=cos_1TE[0, :, None, :half],
        sin_T1e=sin_1TE[0, :, None, :half],
        kv_heads=first.k_proj.out_features // first.head_dim,
        head=first.head_dim,
        scale=first.scaling,
        causal=bool(getattr(backbone.config, "is_causal", True)),
        eps=backbone.norm.variance_epsilon,
        precision=torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32,
    )
    apply: Callable[..., torch.Tensor] = DecoderLayer.apply
    if backbone.training and backbone.layers[0].gradient_checkpointing:
        apply = partial(checkpoint, apply, use_reentrant=False, preserve_rng_state=False)
    with torch.autocast("cpu", enabled=False):
        for layer in backbone.layers:
            attention, mlp = layer.self_attn, layer.mlp
            x_TD = apply(
                shape, x_TD,
                layer.input_layernorm.weight, layer.post_attention_layernorm.weight,
                attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight,
                attention.q_proj.bias, attention.k_proj.bias, attention.v_proj.bias,
                attention.o_proj.weight, mlp.gate_proj.weight, mlp.up_proj.weight, mlp.down_proj.weight,
            )  # fmt: skip
        states_TD = RMSNorm.apply(x_TD, backbone.norm.weight, shape.eps)  # type: ignore[no-untyped-call]
        return states_TD, length_B


_FEW = 256
"""Tokens."""


class _Shape(NamedTuple):
    """The values that all layers of one pass share."""

    bounds: list[tuple[int, int]]
    """First token of each text, and the one after its last."""
    cos_T1e: torch.Tensor
    """Cosines of RoPE's angles, half a head wide."""
    sin_T1e: torch.Tensor
    kv_heads: int
    head: int
    scale: float
    causal: bool
    eps: float
    precision: torch.dtype
    """The type of matrix products and of the activations kept."""


class DecoderLayer(torch.autograd.Function):
    """h = x + attention(norm(x)); h + down(silu(gate(norm(h))) · up(norm(h)))."""

    @staticmethod
    def forward(
        ctx: Any, shape: _Shape, x_TD: torch.Tensor, norm1_D: torch.Tensor, norm2_D: torch.Tensor,
        q: torch.Tensor, k: torch.Tensor, v: torch.Tensor,
        q_bias: torch.Tensor | None, k_bias: torch.Tensor | None, v_bias: torch.Tensor | None,
        out_DA: torch.Tensor, gate_FD: torch.Tensor, up_FD: torch.Tensor, down_DF: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """x [T, D] → [T, D]; biases are None where the family has none."""
        to = shape.precision
        scale1_T1 = _inverse_rms(x_TD, shape.eps)
        qkv_TQ = _products(_normed(x_TD, scale1_T1, norm1_D, to), q, k, v)
        if q_bias is not None and k_bias is not None and v_bias is not None:
            qkv_TQ += torch.cat([q_bias, k_bias, v_bias]).to(to)
        _rotate(_rotated_part(qkv_TQ, shape), shape.cos_T1e, shape.sin_T1e)
        attended_TA = qkv_TQ.new_empty(len(x_TD), len(q))
        sums = []
        for begin, end in shape.bounds:
            done_KGLE, sum_KGL = _attend(
                *_heads(qkv_TQ[begin:end], shape), is_causal=shape.causal, scale=shape.scale
            )
            _by_group(attended_TA[begin:end], shape).copy_(done_KGLE)
            sums.append(sum_KGL)
        h_TD = x_TD + attended_TA @ out_DA.to(to).T
        scale2_T1 = _inverse_rms(h_TD, shape.eps)
        gateup_T2F = _products(_normed(h_TD, scale2_T1, norm2_D, to), gate_FD, up_FD)
        gate_TF, up_TF = gateup_T2F.chunk(2, dim=1)
        y_TD = h_TD + F.silu(gate_TF).mul_(up_TF) @ down_DF.to(to).T
        ctx.shape, ctx.sums, ctx.biased = shape, sums, q_bias is not None
        kept = (x_TD, scale1_T1, qkv_TQ, attended_TA, h_TD, scale2_T1, gateup_T2F)
        # The parameters themselves: joined copies of them, kept by each chunk, would add up.
        ctx.save_for_backward(norm1_D, norm2_D, q, k, v, out_DA, gate_FD, up_FD, down_DF, *kept)
        return y_TD

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_TD: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients in the order of the inputs."""
        shape: _Shape = ctx.shape
        norm1_D, norm2_D, q, k, v, out_DA, gate_FD, up_FD, down_DF, *kept = ctx.saved_tensors
        x_TD, scale1_T1, qkv_TQ, attended_TA, h_TD, scale2_T1, gateup_T2F = kept
        to = shape.precision

        grad = grad_TD.to(to)
        gate_TF, up_TF = gateup_T2F.chunk(2, dim=1)
        silu_TF = F.silu(gate_TF)
        down_grad = grad.T @ (silu_TF * up_TF)
        inner_TF = grad @ down_DF.to(to)
        gateup_grad_T2F = torch.empty_like(gateup_T2F)
        torch.mul(inner_TF, silu_TF, out=gateup_grad_T2F[:, gate_TF.shape[1] :])
        gateup_grad_T2F[:, : gate_TF.shape[1]] = torch.ops.aten.silu_backward(inner_TF.mul_(up_TF), gate_TF)
        del silu_TF, inner_TF
        gateup_grad = gateup_grad_T2F.T @ _normed(h_TD, scale2_T1, norm2_D, to)
        h_grad_TD, norm2_grad = _norm_backward(
            gateup_grad_T2F @ torch.cat([gate_FD, up_FD]).to(to), h_TD, scale2_T1, norm2_D
        )
        h_grad_TD += grad_TD
        del gateup_grad_T2F

        grad = h_grad_TD.to(to)
        out_grad = grad.T @ attended_TA
        attended_grad_TA = grad @ out_DA.to(to)
        qkv_grad_TQ = torch.empty_like(qkv_TQ)
        for (begin, end), sum_KGL in zip(shape.bounds, ctx.sums, strict=True):
            q_grad, k_grad, v_grad = _attend_backward(
                _by_group(attended_grad_TA[begin:end].float(), shape),
                *_heads(qkv_TQ[begin:end], shape),
                _by_group(attended_TA[begin:end].float(), shape),
                sum_KGL, 0.0, shape.causal, scale=shape.scale,
            )  # fmt: skip
            a = attended_TA.shape[1]
            _by_group(qkv_grad_TQ[begin:end, :a], shape).copy_(q_grad)
            kv_grad_L2KE = qkv_grad_TQ[begin:end, a:].view(end - begin, 2, shape.kv_heads, shape.head)
            kv_grad_L2KE[:, 0] = k_grad.sum(dim=1).transpose(0, 1)
            kv_grad_L2KE[:, 1] = v_grad.sum(dim=1).transpose(0, 1)
        _rotate(_rotated_part(qkv_grad_TQ, shape), shape.cos_T1e, -shape.sin_T1e)
        x_grad_TD: torch.Tensor | None = None
        if ctx.needs_input_grad[1]:
            qkv_grad = (qkv_grad_TQ.T @ _normed(x_TD, scale1_T1, norm1_D, to)).float()
            x_grad_TD, norm1_grad = _norm_backward(
                qkv_grad_TQ @ torch.cat([q, k, v]).to(to), x_TD, scale1_T1, norm1_D
            )
            x_grad_TD += h_grad_TD
        else:  # after frozen token embeddings: the norm's gradient without that of its inputs
            unit_grad = (qkv_grad_TQ.T @ (x_TD * scale1_T1).to(to)).float()
            qkv_grad = unit_grad * norm1_D
            norm1_grad = (unit_grad * torch.cat([q, k, v])).sum(dim=0)

        biases: tuple[torch.Tensor | None, ...] = (None, None, None)
        if ctx.biased:
            biases = torch.split(qkv_grad_TQ.float().sum(dim=0), [len(q), len(k), len(v)])
        qkv_grads = torch.split(qkv_grad, [len(q), len(k), len(v)])
        gate_grad, up_grad = gateup_grad.float().chunk(2)
        return (
            None, x_grad_TD, norm1_grad, norm2_grad, *qkv_grads, *biases,
            out_grad.float(), gate_grad, up_grad, down_grad.float(),
        )  # fmt: skip


class RMSNorm(torch.autograd.Function):
    """weight · x / sqrt(mean(x²) + ε); keeps x and one number a token."""

    @staticmethod
    def forward(ctx: Any, x_TD: torch.Tensor, weight_D: torch.Tensor, eps: float) -> torch.Tensor:
        """x [T, D] → [T, D], float32."""
        scale_T1 = _inverse_rms(x_TD, eps)
        ctx.save_for_backward(x_TD, weight_D, scale_T1)
        return _normed(x_TD, scale_T1, weight_D, x_TD.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_TD: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """Gradients of x and of the weight."""
        x_TD, weight_D, scale_T1 = ctx.saved_tensors
        return *_norm_backward(grad_TD.clone(), x_TD, scale_T1, weight_D), None


def _inverse_rms(x_TD: torch.Tensor, eps: float) -> torch.Tensor:
    squares_T1: torch.Tensor = torch.linalg.vector_norm(x_TD, dim=-1, keepdim=True).square_()
    squares_T1.div_(x_TD.shape[-1]).add_(eps).rsqrt_()
    return squares_T1


def _normed(
    x_TD: torch.Tensor, scale_T1: torch.Tensor, weight_D: torch.Tensor, to: torch.dtype
) -> torch.Tensor:
    return (x_TD * scale_T1).mul_(weight_D).to(to)


def _norm_backward(
    grad_TD: torch.Tensor, x_TD: torch.Tensor, scale_T1: torch.Tensor, weight_D: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Gradients of x [T, D] and of the weight [D]; a float32 `grad_TD` is overwritten."""
    grad_TD = grad_TD.float()
    unit_TD = x_TD * scale_T1
    product_TD = grad_TD * unit_TD
    mean_T1 = (product_TD @ weight_D).div_(len(weight_D)).unsqueeze(1)
    x_grad_TD = grad_TD.mul_(weight_D).addcmul_(unit_TD, mean_T1, value=-1.0).mul_(scale_T1)
    return x_grad_TD, product_TD.sum(dim=0)


def _products(x_TD: torch.Tensor, *weights: torch.Tensor) -> torch.Tensor:
    """The products with several weights [F, D], side by side: with the joined weights, or for a few tokens
    with one after the other, since joining weights takes as long as reading them."""
    to = x_TD.dtype
    if len(x_TD) > _FEW or not torch.is_inference_mode_enabled():
        return x_TD @ torch.cat(weights).to(to).T
    out_TF = x_TD.new_empty(len(x_TD), sum(map(len, weights)))
    start = 0
    for weight in weights:
        torch.mm(x_TD, weight.to(to).T, out=out_TF[:, start : start + len(weight)])
        start += len(weight)
    return out_TF


def _rotated_part(qkv_TQ: torch.Tensor, shape: _Shape) -> torch.Tensor:
    """The queries and keys, [T, H + K, E]."""
    heads = qkv_TQ.shape[1] // shape.head - shape.kv_heads
    return qkv_TQ[:, : heads * shape.head].view(len(qkv_TQ), heads, shape.head)


def _rotate(x_THE: torch.Tensor, cos_T1e: torch.Tensor, sin_T1e: torch.Tensor) -> None:
    """RoPE in place, in float32; the opposite sine turns back."""
    wide_THE = x_THE.float()
    first_THe, second_THe = wide_THE.chunk(2, dim=-1)
    before_THe = first_THe.clone()
    first_THe.mul_(cos_T1e).addcmul_(second_THe, sin_T1e, value=-1.0)
    second_THe.mul_(cos_T1e).addcmul_(before_THe, sin_T1e)
    if wide_THE is not x_THE:
        x_THE.copy_(wide_THE)


def _heads(qkv_LQ: torch.Tensor, shape: _Shape) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Queries, keys and values of one text, each [K, G, L, E] float32; the last two once in memory."""
    wide_LQ = qkv_LQ.float()  # attention is faster in float32 than in bf16 on a CPU
    kv = shape.kv_heads * shape.head
    q_KGLE = _by_group(wide_LQ[:, : -2 * kv], shape)
    k_KGLE, v_KGLE = (
        part.view(len(part), shape.kv_heads, 1, shape.head).permute(1, 2, 0, 3).expand_as(q_KGLE)
        for part in (wide_LQ[:, -2 * kv : -kv], wide_LQ[:, -kv:])
    )
    return q_KGLE, k_KGLE, v_KGLE


def _by_group(x_LA: torch.Tensor, shape: _Shape) -> torch.Tensor:
    """[L, H·E] seen as [K, G, L, E]."""
    return x_LA.view(len(x_LA), shape.kv_heads, -1, shape.head).permute(1, 2, 0, 3)
