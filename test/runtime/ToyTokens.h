//===- ToyTokens.h - Texts for the toy plan ---------------------------------*- C++ -*-===//

#ifndef QUIPU_TEST_RUNTIME_TOYTOKENS_H
#define QUIPU_TEST_RUNTIME_TOYTOKENS_H

#include "test/runtime/ToyShape.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace quipu::test {

/// `count` tokens, others for each seed.
inline std::vector<int32_t> toyTokens(int seed, size_t count) {
  std::vector<int32_t> tokens;
  for (size_t i = 0; i < count; ++i)
    tokens.push_back(int32_t((i * 7 + size_t(seed) * 13 + i * i) % size_t(kToyVocab)));
  return tokens;
}

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_TOYTOKENS_H
