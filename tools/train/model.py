"""A compact LLaMA-2 model for training, and its Hugging Face layout on disk.

Own code instead of transformers' LlamaForCausalLM for three things that class
does not have: dropout on the residual branches, a mask that keeps stories of
one row apart without padding, and blocks that compile once for all layers.
The rotary layout is the half-split one of the Hugging Face files, so weights
are written as they are, without permutation.
"""

import functools
import json
import pathlib
import shutil

import torch
import torch.nn as nn
import torch.nn.functional as F

EPS = 1e-5
THETA = 10000.0


try:
    from torch.nn.attention.varlen import varlen_attn
except ImportError:  # before PyTorch 2.10
    varlen_attn = None


@functools.cache
def use_varlen(device):
    """Whether attention over stories of uneven length works here: several times
    faster than a mask, which also pays for pairs in different stories."""
    if varlen_attn is None or device.type != "cuda":
        return False
    try:
        with torch.enable_grad():  # the first call may come from an evaluation
            q, k, v = (torch.randn(64, 2, 32, device=device, dtype=torch.bfloat16, requires_grad=True)
                       for _ in range(3))
            starts = torch.tensor([0, 24, 64, 64], dtype=torch.int32, device=device)
            story = (torch.arange(64, device=device) >= 24).int()
            mask = (story[:, None] == story[None]).tril()
            with torch.autocast("cuda", dtype=torch.bfloat16):
                mine = varlen_attn(q, k, v, starts, starts, 64, 64, window_size=(-1, 0))
                other = F.scaled_dot_product_attention(*(x.transpose(0, 1)[None] for x in (q, k, v)), attn_mask=mask)
            other = other[0].transpose(0, 1)
            grads = [torch.autograd.grad(y.float().square().sum(), (q, k, v)) for y in (mine, other)]
        close = all((a - b).float().norm() < 0.03 * b.float().norm()
                    for a, b in zip((mine, *grads[0]), (other, *grads[1])))
        if not close:
            print("attention: the variable-length kernel disagrees with the masked one; using the mask", flush=True)
        return close
    except (RuntimeError, TypeError, NotImplementedError) as error:
        print(f"attention: no variable-length kernel ({error}); using the mask", flush=True)
        return False


class RMSNorm(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(dim))

    def forward(self, x):
        x32 = x.float()
        return (x32 * torch.rsqrt(x32.square().mean(-1, keepdim=True) + EPS)).to(x.dtype) * self.weight.to(x.dtype)


def rotate(x, cos, sin):
    lo, hi = x.chunk(2, dim=-1)
    return torch.cat((lo * cos - hi * sin, hi * cos + lo * sin), dim=-1)


class Block(nn.Module):
    def __init__(self, shape, dropout):
        super().__init__()
        d, f = shape["hidden"], shape["ffn"]
        self.heads, self.kv_heads = shape["heads"], shape["kv_heads"]
        self.head_dim = d // self.heads
        self.input_layernorm = RMSNorm(d)
        self.q_proj = nn.Linear(d, d, bias=False)
        self.k_proj = nn.Linear(d, self.kv_heads * self.head_dim, bias=False)
        self.v_proj = nn.Linear(d, self.kv_heads * self.head_dim, bias=False)
        self.o_proj = nn.Linear(d, d, bias=False)
        self.post_attention_layernorm = RMSNorm(d)
        self.gate_proj = nn.Linear(d, f, bias=False)
        self.up_proj = nn.Linear(d, f, bias=False)
        self.down_proj = nn.Linear(f, d, bias=False)
        self.dropout = dropout

    def forward(self, x, mask, cos, sin):
        b, t, d = x.shape
        h = self.input_layernorm(x)
        q = self.q_proj(h).view(b, t, self.heads, self.head_dim).transpose(1, 2)
        k = self.k_proj(h).view(b, t, self.kv_heads, self.head_dim).transpose(1, 2)
        v = self.v_proj(h).view(b, t, self.kv_heads, self.head_dim).transpose(1, 2)
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        # The attention kernel that takes a mask does not take grouped heads.
        group = self.heads // self.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        if mask.ndim == 1:  # starts of the stories in the flat batch
            q, k, v = (x.transpose(1, 2).reshape(b * t, self.heads, self.head_dim) for x in (q, k, v))
            a = varlen_attn(q, k, v, mask, mask, t, t, window_size=(-1, 0)).view(b, t, d)
        else:
            a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).reshape(b, t, d)
        a = self.o_proj(a)
        x = x + F.dropout(a, self.dropout, self.training)
        h = self.post_attention_layernorm(x)
        m = self.down_proj(F.silu(self.gate_proj(h)) * self.up_proj(h))
        return x + F.dropout(m, self.dropout, self.training)


class Llama(nn.Module):
    """shape: vocab, hidden, layers, heads, kv_heads, ffn, context."""

    def __init__(self, shape, dropout=0.0):
        super().__init__()
        self.shape, self.dropout = dict(shape), dropout
        self.embed = nn.Embedding(shape["vocab"], shape["hidden"])
        self.layers = nn.ModuleList(Block(shape, dropout) for _ in range(shape["layers"]))
        self.norm = RMSNorm(shape["hidden"])
        head_dim = shape["hidden"] // shape["heads"]
        freq = THETA ** (-torch.arange(0, head_dim, 2).float() / head_dim)
        angle = torch.outer(torch.arange(shape["context"]).float(), freq)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)
        for name, p in self.named_parameters():
            if p.ndim == 2:
                # Residual outputs start small so that depth does not add up.
                scale = (2 * shape["layers"]) ** -0.5 if "o_proj" in name or "down_proj" in name else 1.0
                nn.init.normal_(p, std=0.02 * scale)

    def compile_blocks(self):
        for layer in self.layers:
            layer.compile()

    def hidden(self, ids, mask):
        """ids [B, T]; mask [B, 1, T, T], true where a query may look, or the
        starts of the stories in the flat batch [N], ended by B * T."""
        t = ids.shape[1]
        x = self.embed(ids)
        if torch.is_autocast_enabled(ids.device.type):
            x = x.to(torch.get_autocast_dtype(ids.device.type))
        x = F.dropout(x, self.dropout, self.training)
        cos, sin = self.cos[:t].to(x.dtype), self.sin[:t].to(x.dtype)
        for layer in self.layers:
            x = layer(x, mask, cos, sin)
        return self.norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.embed.weight)

    def parameter_count(self):
        return sum(p.numel() for p in self.parameters())


# --- Hugging Face layout -----------------------------------------------------

def _hf_name(name):
    if name == "embed.weight":
        return "model.embed_tokens.weight"
    for part in ("q_proj", "k_proj", "v_proj", "o_proj"):
        name = name.replace(f".{part}.", f".self_attn.{part}.")
    for part in ("gate_proj", "up_proj", "down_proj"):
        name = name.replace(f".{part}.", f".mlp.{part}.")
    return "model." + name


def save_hf(model, folder, tokenizer):
    """Writes config, bf16 weights and tokenizer; loads as LlamaForCausalLM."""
    from safetensors.torch import save_file

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    s = model.shape
    config = {
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "head_dim": s["hidden"] // s["heads"],
        "hidden_act": "silu",
        "hidden_size": s["hidden"],
        "initializer_range": 0.02,
        "intermediate_size": s["ffn"],
        "max_position_embeddings": s["context"],
        "mlp_bias": False,
        "model_type": "llama",
        "num_attention_heads": s["heads"],
        "num_hidden_layers": s["layers"],
        "num_key_value_heads": s["kv_heads"],
        "pretraining_tp": 1,
        "rms_norm_eps": EPS,
        "rope_scaling": None,
        "rope_theta": THETA,
        "tie_word_embeddings": True,
        "torch_dtype": "bfloat16",
        "use_cache": True,
        "vocab_size": s["vocab"],
    }
    tokenizer_config = {
        "add_bos_token": True,
        "add_eos_token": False,
        "bos_token": "<s>",
        "clean_up_tokenization_spaces": False,
        "eos_token": "</s>",
        "legacy": False,
        "model_max_length": s["context"],
        "pad_token": None,
        "tokenizer_class": "LlamaTokenizer",
        "unk_token": "<unk>",
        "use_default_system_prompt": False,
    }
    generation = {
        "bos_token_id": 1,
        "eos_token_id": 2,
        "do_sample": True,
        "temperature": 0.8,
        "top_p": 0.9,
        "repetition_penalty": 1.1,
        "max_length": s["context"],
    }
    for name, value in (("config", config), ("tokenizer_config", tokenizer_config), ("generation_config", generation)):
        (folder / f"{name}.json").write_text(json.dumps(value, indent=2) + "\n")
    tensors = {_hf_name(k): v.detach().to("cpu", torch.bfloat16).contiguous()
               for k, v in model.state_dict().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    shutil.copyfile(tokenizer, folder / "tokenizer.model")


def load_hf(folder, dropout=0.0):
    """Reads what save_hf wrote."""
    from safetensors.torch import load_file

    folder = pathlib.Path(folder)
    c = json.loads((folder / "config.json").read_text())
    model = Llama({"vocab": c["vocab_size"], "hidden": c["hidden_size"], "layers": c["num_hidden_layers"],
                   "heads": c["num_attention_heads"], "kv_heads": c["num_key_value_heads"],
                   "ffn": c["intermediate_size"], "context": c["max_position_embeddings"]}, dropout)
    tensors = load_file(folder / "model.safetensors")
    model.load_state_dict({k: tensors[_hf_name(k)].float() for k in model.state_dict()})
    return model
