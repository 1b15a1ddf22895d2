#!/usr/bin/env python3
"""Makes the goldens: small random models with the answers that Hugging Face transformers gives for them.

Needs torch, transformers and safetensors (written with transformers 5.23 and 5.24, and torch 2.15, on the CPU). The tests need
none of them: everything they read is committed beside this script.

    python3 make_goldens.py                       # every random model
    python3 make_goldens.py gqa tied              # some of them
    python3 make_goldens.py --embedded ../../models/quipu-stories quipu-stories
                                                  # answers for an existing model directory, into quipu-stories/

For each model NAME/ holds:
    config.json, model.safetensors (or shards)  the model
    prompt.txt    token ids, comma-separated
    logits.npy    float32 (T, V): the logits at every position of the prompt, computed in float32
    greedy.txt    200 greedy tokens after the prompt, end-of-sequence ignored
    meta.json     SHA-256 of an existing model's weights; largest |logit|; smallest margin between the best and the second token along the 200, as a part of it
                  (seeds are searched until it is above MIN_MARGIN, so that equal tokens are a fair test); and the
                  errors (largest and root mean square) that transformers itself makes in bf16 and f16, as parts of the
                  largest |logit|

Weights are drawn so that answers depend on everything: attention is peaked, norms are not 1, biases are not 0.
"""

import argparse
import hashlib
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

HERE = pathlib.Path(__file__).resolve().parent
PROMPT_LENGTH = 70  # more than two pages of 32 positions, and no multiple of a tile
GREEDY_LENGTH = 200
MIN_MARGIN = 1e-3
MAX_SHARD_BYTES = 150_000

LLAMA3_SCALING = {"rope_type": "llama3", "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                  # Short enough that the prompt's wavelengths fall into all three bands.
                  "original_max_position_embeddings": 32}


def llama(**changes):
    """A LLaMA config as config.json has it, in the old form (rope_theta beside rope_scaling)."""
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 256, "max_position_embeddings": 512, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2,
        "torch_dtype": "float32"}
    config.update(changes)
    return {key: value for key, value in config.items() if value is not None}


def longrope(original):
    scaling = {"rope_type": "longrope", "original_max_position_embeddings": original,
               "short_factor": [1 + 0.1 * pair for pair in range(8)],
               "long_factor": [1 + 0.7 * pair for pair in range(8)]}
    return {key: value for key, value in scaling.items() if value is not None}


def mistral(**changes):
    return llama(architectures=["MistralForCausalLM"], model_type="mistral", **changes)


def qwen2(**changes):
    return llama(architectures=["Qwen2ForCausalLM"], model_type="qwen2", **changes)


def phi3(**changes):
    # The class's own id for padding lies outside of this vocabulary.
    return llama(architectures=["Phi3ForCausalLM"], model_type="phi3", pad_token_id=0, **changes)


def gemma(**changes):
    return llama(architectures=["GemmaForCausalLM"], model_type="gemma", tie_word_embeddings=True, pad_token_id=0,
                 **changes)


MODELS = {
    "mha": llama(num_key_value_heads=None),
    "mqa": llama(num_key_value_heads=1, vocab_size=300),
    "gqa": llama(hidden_size=96, num_attention_heads=6, num_hidden_layers=3, intermediate_size=112),
    "tied": llama(tie_word_embeddings=True, num_hidden_layers=3),
    "biases": llama(attention_bias=True, mlp_bias=True, rms_norm_eps=None),
    "head_dim_48": llama(head_dim=48, intermediate_size=128),
    "head_dim_80": llama(hidden_size=96, num_attention_heads=2, num_key_value_heads=1, head_dim=80, vocab_size=128,
                         intermediate_size=128),
    "rope_linear": llama(rope_scaling={"type": "linear", "factor": 3.0}),
    "rope_llama3": llama(rope_scaling=dict(LLAMA3_SCALING), rope_theta=50000.0, eos_token_id=[2, 3]),
    # Pairs that are divided by the factor, pairs that stay, and mixtures.
    "rope_yarn": llama(rope_scaling={"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128}),
    # Of the two lists of divisors the prompt is short enough for the first, or needs the second.
    "rope_longrope_short": llama(rope_scaling=longrope(300), max_position_embeddings=512, vocab_size=128),
    "rope_longrope_long": phi3(rope_scaling=longrope(None), original_max_position_embeddings=32, vocab_size=128),
    # Changes nothing up to max_position_embeddings.
    "rope_dynamic": llama(rope_scaling={"type": "dynamic", "factor": 4.0}, vocab_size=128),
    "interleaved": llama(rope_theta=5000.0),
    "sharded": llama(rope_theta=None, rope_parameters={**LLAMA3_SCALING, "rope_theta": 50000.0},
                     torch_dtype=None, dtype="float32"),
    "f16": llama(torch_dtype="float16"),
    "bf16": llama(torch_dtype="bfloat16", hidden_size=80, num_attention_heads=5, num_key_value_heads=1),
    "mistral_window": mistral(sliding_window=24),
    "gelu_tanh": llama(hidden_act="gelu_pytorch_tanh"),
    "relu": llama(hidden_act="relu"),
    # The last of its layers alone have a window. Biases on queries, keys and values alone; the class's default of eps.
    "qwen2": qwen2(tie_word_embeddings=True, num_hidden_layers=3, use_sliding_window=True, sliding_window=24,
                   max_window_layers=1, rms_norm_eps=None),
    # Queries, keys and values are one tensor, gate and up another. The class's default of eps.
    "phi3": phi3(num_hidden_layers=3, rms_norm_eps=None),
    # Norms multiply by 1 + weight, embeddings by 8; "gelu" is GELU by tanh, as in the first configs of the class.
    "gemma": gemma(hidden_act="gelu", head_dim=32, rms_norm_eps=None),
    "mixed_types": llama(attention_bias=True, mlp_bias=True, torch_dtype=None, num_hidden_layers=3),
}


# Of mixed_types: the types of tensors whose names end so, the first that fits. In the first layer no projections that
# one input feeds agree, in the second only their biases differ, in the third all but norms agree.
MIXED_TYPES = [
    ("0.self_attn.q_proj.weight", torch.float32), ("0.self_attn.k_proj.weight", torch.bfloat16),
    ("0.self_attn.v_proj.weight", torch.float16), ("0.mlp.gate_proj.weight", torch.float32),
    ("0.mlp.up_proj.weight", torch.bfloat16), ("0.mlp.down_proj.weight", torch.float16),
    ("1.self_attn.k_proj.bias", torch.float32), ("1.mlp.up_proj.bias", torch.float16),
    ("2.post_attention_layernorm.weight", torch.float16), ("lm_head.weight", torch.float32), ("", torch.bfloat16)]


def stored_type(name, config, tensor):
    """The type in which a tensor of a model is stored."""
    if name == "mixed_types":
        return next(dtype for ending, dtype in MIXED_TYPES if tensor.endswith(ending))
    return {"float16": torch.float16, "bfloat16": torch.bfloat16}.get(config.get("torch_dtype"), torch.float32)


def value_heads(model):
    return model.config.num_key_value_heads


def all_heads(model):
    """Heads of queries, keys and values."""
    return model.config.num_attention_heads + 2 * value_heads(model)


def draw_weights(model, generator):
    """Fills a model in place."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.normal_(0.0, 0.3, generator=generator)
            elif "norm" in name:
                parameter.uniform_(0.5, 1.5, generator=generator)
                if model.config.model_type == "gemma":
                    parameter -= 1
            elif "embed_tokens" in name:
                # Tied to the head this gives logits of a few units; untied the first norm takes the scale away.
                parameter.normal_(0.0, 0.3, generator=generator)
                if model.config.model_type == "gemma":
                    # The class multiplies by as much.
                    parameter /= model.config.hidden_size ** 0.5
            else:
                gain = 1.6 if "q_proj" in name or "k_proj" in name else 2.5 if "lm_head" in name else 1.0
                parameter.normal_(0.0, gain / parameter.shape[1] ** 0.5, generator=generator)
                if "qkv_proj" in name:
                    # Queries and keys are its first rows.
                    parameter[:-parameter.shape[0] * value_heads(model) // all_heads(model)] *= 1.6


def interleave(weight, heads):
    """Rows of q or k from Hugging Face's layout (pairs j, j + d/2) to the interleaved one (pairs 2j, 2j + 1)."""
    rows, columns = weight.shape
    return weight.view(heads, 2, rows // heads // 2, columns).transpose(1, 2).reshape(rows, columns).contiguous()


def write_safetensors(folder, state):
    state = {name: tensor.contiguous().clone() for name, tensor in state.items()}
    if folder.name != "sharded":
        save_file(state, folder / "model.safetensors", metadata={"format": "pt"})
        return
    shards, size = [{}], 0
    for name, tensor in state.items():
        if size and size + tensor.nbytes > MAX_SHARD_BYTES:
            shards.append({})
            size = 0
        shards[-1][name] = tensor
        size += tensor.nbytes
    weight_map = {}
    for number, shard in enumerate(shards):
        file = f"model-{number + 1:05}-of-{len(shards):05}.safetensors"
        save_file(shard, folder / file, metadata={"format": "pt"})
        weight_map.update({name: file for name in shard})
    total = sum(tensor.nbytes for tensor in state.values())
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def load(folder, dtype):
    return AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager").eval()


@torch.no_grad()
def logits_at_all(model, tokens):
    return model(torch.tensor([tokens])).logits[0].float()


@torch.no_grad()
def greedy(model, prompt, minimum):
    """200 tokens and the smallest margin, or None as soon as a margin is below `minimum`."""
    tokens, cache, step, smallest = list(prompt), None, list(prompt), float("inf")
    for _ in range(GREEDY_LENGTH):
        output = model(torch.tensor([step]), past_key_values=cache, use_cache=True)
        cache = output.past_key_values
        best = torch.topk(output.logits[0, -1].float(), 2)
        smallest = min(smallest, (best.values[0] - best.values[1]).item())
        if smallest < minimum:
            return None
        step = [best.indices[0].item()]
        tokens += step
    # The cache must not have mattered: the same choice from one pass over everything.
    again = logits_at_all(model, tokens[:-1])[len(prompt) - 1:].argmax(-1).tolist()
    assert again == tokens[len(prompt):], "transformers disagrees with itself"
    return tokens[len(prompt):], smallest


def find_prompt(model, seeds, with_start):
    """The first prompt in `seeds` whose greedy continuation is clear."""
    vocabulary = model.config.vocab_size
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        prompt = with_start(torch.randint(3, vocabulary, (PROMPT_LENGTH,), generator=generator).tolist())
        logits = logits_at_all(model, prompt)
        largest = logits.abs().max().item()
        found = greedy(model, prompt, MIN_MARGIN * largest)
        # A continuation that runs in a short circle would test little.
        if found and len(set(found[0])) >= 20:
            return prompt, logits, found, largest
    return None


def errors_of(folder, prompt, logits, largest):
    """Largest and root-mean-square error of transformers in the 16-bit types, as parts of the largest logit."""
    errors = {}
    for name, dtype in ("bf16", torch.bfloat16), ("f16", torch.float16):
        difference = logits_at_all(load(folder, dtype), prompt) - logits
        errors[f"{name}_error"] = difference.abs().max().item() / largest
        errors[f"{name}_rms_error"] = difference.square().mean().sqrt().item() / largest
    return errors


def save_answers(folder, prompt, logits, tokens, smallest, largest, more):
    (folder / "prompt.txt").write_text(",".join(map(str, prompt)) + "\n")
    (folder / "greedy.txt").write_text(",".join(map(str, tokens)) + "\n")
    np.save(folder / "logits.npy", logits.numpy().astype("<f4"))
    meta = {"max_logit": largest, "min_margin": smallest / largest, **more,
            "torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}
    (folder / "meta.json").write_text(json.dumps(meta, indent=2) + "\n")
    print(folder.name, json.dumps(meta), len(set(tokens)), "different tokens", flush=True)


def make(name, config):
    folder = HERE / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    text = json.dumps(config, indent=2) + "\n"
    (folder / "config.json").write_text(text)
    model = AutoModelForCausalLM.from_config(transformers.AutoConfig.from_pretrained(folder), dtype=torch.float32)
    # Weights and prompts from the model's own name, so that each can be made again alone.
    base = sum(ord(letter) << (8 * place) for place, letter in enumerate(name)) % (1 << 31)
    for attempt in range(100):
        draw_weights(model, torch.Generator().manual_seed(base + attempt))
        state = {key: value.to(stored_type(name, config, key)) for key, value in model.state_dict().items()
                 if not (config["tie_word_embeddings"] and key == "lm_head.weight")}
        write_safetensors(folder, state)
        # Through the files, so that what transformers reads in them is part of the answer.
        found = find_prompt(load(folder, torch.float32), range(base + attempt, base + attempt + 3),
                            lambda tokens: [1] + tokens[1:])
        if found:
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear greedy tokens")
    prompt, logits, (tokens, smallest), largest = found
    save_answers(folder, prompt, logits, tokens, smallest, largest, errors_of(folder, prompt, logits, largest))
    if name == "interleaved":
        # The same function in the other layout. transformers does not know the field, so this comes last.
        state = load_file(folder / "model.safetensors")
        for key in state:
            if "q_proj" in key:
                state[key] = interleave(state[key], config["num_attention_heads"])
            if "k_proj" in key:
                state[key] = interleave(state[key], config["num_key_value_heads"])
        write_safetensors(folder, state)
        (folder / "config.json").write_text(json.dumps({**config, "rope_interleaved": True}, indent=2) + "\n")


def make_for_directory(directory, name):
    """Answers for an existing model. The prompt is sampled from the model itself, which needs no tokenizer and stays
    close to what it was trained on."""
    folder = HERE / name
    folder.mkdir(exist_ok=True)
    model = load(directory, torch.float32)
    start = model.config.bos_token_id if model.config.bos_token_id is not None else 1
    for seed in range(200):
        torch.manual_seed(seed)
        sampled = model.generate(torch.tensor([[start]]), do_sample=True, temperature=1.0, top_k=0, top_p=1.0,
                                 max_new_tokens=PROMPT_LENGTH - 1, min_new_tokens=PROMPT_LENGTH - 1)
        prompt = sampled[0].tolist()
        logits = logits_at_all(model, prompt)
        largest = logits.abs().max().item()
        found = greedy(model, prompt, MIN_MARGIN * largest)
        if found:
            break
    else:
        raise SystemExit(f"{name}: no seed gives clear greedy tokens")
    # The model may be trained again: the check says so instead of reporting wrong logits.
    more = {**errors_of(directory, prompt, logits, largest),
            "model_sha256": hashlib.sha256((directory / "model.safetensors").read_bytes()).hexdigest()}
    save_answers(folder, prompt, logits, *found, largest, more)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", help=f"of {', '.join(MODELS)}")
    parser.add_argument("--embedded", metavar="DIR", type=pathlib.Path,
                        help="an existing model directory; the one name given is the folder for its answers")
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    if options.embedded:
        if len(options.names) != 1:
            parser.error("--embedded needs the name of the folder for the answers")
        make_for_directory(options.embedded, options.names[0])
        return
    for name in options.names or MODELS:
        make(name, MODELS[name])


if __name__ == "__main__":
    main()
