//===- Rope.h - Rotary embedding in a GGUF file -----------------------*- C++ -*-===//

#ifndef QUIPU_FRONTENDS_GGUF_ROPE_H
#define QUIPU_FRONTENDS_GGUF_ROPE_H

#include "frontends/common/WeightIndex.h"
#include "frontends/gguf/Architectures.h"
#include "frontends/gguf/File.h"

#include <vector>

namespace quipu::frontend::gguf {

inline constexpr std::string_view kDivisorsName = "rope_freqs.weight";
inline constexpr std::string_view kShortFactorsName = "rope_factors_short.weight";
inline constexpr std::string_view kLongFactorsName = "rope_factors_long.weight";

/// What tensors say of rotary embedding. Each has a number for each pair of a head, or nothing.
struct RopeTensors {
  /// "rope_freqs.weight": divisors of the frequencies. Converters make it of llama3 scaling, for which there is no key.
  std::vector<double> divisors;
  /// "rope_factors_short.weight" and "rope_factors_long.weight", of longrope: divisors for texts of at most the trained
  /// context, and for longer ones.
  std::vector<double> shortFactors, longFactors;
};

/// Takes these tensors out of `index`, by names in files. They decide what code is made, so their bytes count as part
/// of the header. Throws quipu::Error: they are no numbers of f32, or one is not above 0.
RopeTensors takeRopeTensors(const std::vector<File> &files, WeightIndex &index);

/// Resolves the keys "rope.*" and the tensors into `config`, whose head size and context are known: the base; scaling
/// types none, linear, yarn and longrope, every other one is refused by name.
void readRope(Metadata &metadata, const Architecture &architecture, const RopeTensors &tensors, ModelConfig &config);

} // namespace quipu::frontend::gguf

#endif // QUIPU_FRONTENDS_GGUF_ROPE_H
