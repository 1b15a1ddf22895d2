"""A LLaMA prompt in PyTorch, its layers compiled by torch.compile: the peer that pairs.py measures beside Quipu."""

import torch
import torch.nn.functional as F


class Layer(torch.nn.Module):
    def __init__(self, hidden, heads, kv_heads, head, feed_forward):
        super().__init__()
        self.heads, self.kv_heads, self.head = heads, kv_heads, head
        self.input_norm, self.mlp_norm = (torch.nn.RMSNorm(hidden, eps=1e-5) for _ in range(2))
        self.qkv = torch.nn.Linear(hidden, (heads + 2 * kv_heads) * head, bias=False)
        self.o_proj = torch.nn.Linear(heads * head, hidden, bias=False)
        self.gate_up = torch.nn.Linear(hidden, 2 * feed_forward, bias=False)
        self.down_proj = torch.nn.Linear(feed_forward, hidden, bias=False)

    def forward(self, x, cosines, sines, keys, values):
        batch, tokens, _ = x.shape
        parts = self.qkv(self.input_norm(x)).view(batch, tokens, -1, self.head).transpose(1, 2)
        q, k, v = parts.split([self.heads, self.kv_heads, self.kv_heads], 1)

        def rotate(t):
            first, second = t.chunk(2, -1)
            return t * cosines + torch.cat((-second, first), -1) * sines

        q, k = rotate(q), rotate(k)
        keys[:, :, :tokens], values[:, :, :tokens] = k, v
        seen = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=self.heads != self.kv_heads)
        x = x + self.o_proj(seen.transpose(1, 2).reshape(batch, tokens, -1))
        gate, up = self.gate_up(self.mlp_norm(x)).chunk(2, -1)
        return x + self.down_proj(F.silu(gate) * up)


class Prompt:
    """run() takes one prompt of `tokens` tokens to the most likely next token; random weights in bf16. The tokens are
    random, or after repeat() all alike."""

    def __init__(self, config, tokens):
        torch.manual_seed(0)
        hidden, heads, kv_heads = (config[key] for key in ("hidden_size", "num_attention_heads", "num_key_value_heads"))
        head, layers, vocab = hidden // heads, config["num_hidden_layers"], config["vocab_size"]
        with torch.device("cuda"):
            torch.set_default_dtype(torch.bfloat16)
            self.embedding = torch.nn.Embedding(vocab, hidden)
            self.layers = [Layer(hidden, heads, kv_heads, head, config["intermediate_size"]) for _ in range(layers)]
            self.norm = torch.nn.RMSNorm(hidden, eps=1e-5)
            self.lm_head = torch.nn.Linear(hidden, vocab, bias=False)
            self.caches = [[torch.zeros(1, kv_heads, tokens, head) for _ in range(2)] for _ in range(layers)]
            torch.set_default_dtype(torch.float32)
            modules = [self.embedding, *self.layers, self.lm_head]
            with torch.no_grad():
                for module in modules:
                    for parameter in module.parameters():
                        if parameter.dim() > 1:
                            parameter.normal_(0, 0.02)
            for module in [*modules, self.norm]:
                module.requires_grad_(False)
            angles = torch.outer(torch.arange(tokens).float(),
                                 1.0 / config.get("rope_theta", 1e4) ** (torch.arange(0, head, 2).float() / head))
            angles = torch.cat((angles, angles), -1)
            self.turns = angles.cos().bfloat16(), angles.sin().bfloat16()
            self.ids = torch.randint(vocab, (1, tokens))
        self.layer = torch.compile(Layer.forward, fullgraph=True)

    def repeat(self, token):
        self.ids.fill_(token)

    @torch.no_grad()
    def run(self):
        x = self.embedding(self.ids)
        for layer, cache in zip(self.layers, self.caches):
            x = self.layer(layer, x, *self.turns, *cache)
        return self.lm_head(self.norm(x[:, -1:])).argmax(-1)
