//===- Architectures.cpp - The architectures of GGUF files that are supported ------------===//

#include "frontends/gguf/Architectures.h"

#include <algorithm>
#include <iterator>

namespace quipu::frontend::gguf {

/// Source: llama.cpp, convert_hf_to_gguf.py and src/models/.
static constexpr Architecture kArchitectures[] = {
    // Files of Mistral call themselves llama too, and have its order of rows.
    {.name = "llama",
     .className = "LlamaForCausalLM",
     .layout = RotaryLayout::interleaved,
     .hasWindow = true,
     .biasesFollowTensors = true},
    {.name = "qwen2",
     .className = "Qwen2ForCausalLM",
     .layout = RotaryLayout::half,
     .hasWindow = false,
     .biasesFollowTensors = false},
    {.name = "phi3",
     .className = "Phi3ForCausalLM",
     .layout = RotaryLayout::half,
     .hasWindow = true,
     .biasesFollowTensors = false},
};

const hf::Architecture &Architecture::ofTransformers() const {
  return *std::ranges::find(hf::architectures(), className, &hf::Architecture::name);
}

const Architecture *findArchitecture(std::string_view name) {
  const Architecture *found = std::ranges::find(kArchitectures, name, &Architecture::name);
  return found == std::end(kArchitectures) ? nullptr : found;
}

std::string architectureNames() {
  std::string names;
  for (const Architecture &architecture : kArchitectures)
    names.append(names.empty() ? "" : ", ").append(architecture.name);
  return names;
}

} // namespace quipu::frontend::gguf
