//===- ToyPages.h - Pages that hold what a model would have computed -------*- C++ -*-===//

#ifndef QUIPU_TEST_RUNTIME_TOYPAGES_H
#define QUIPU_TEST_RUNTIME_TOYPAGES_H

#include "runtime/core/BlockManager.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

namespace quipu::test {

/// A block manager with the memory of its pages. A slot holds a number that follows from the salt and from all tokens
/// up to its position, as keys and values do. So a wrong page is seen, however it came to be there.
class ToyPages {
public:
  static constexpr uint32_t kPage = 4;

  static BlockManagerOptions small(uint64_t pages, uint32_t sequences = 4) {
    BlockManagerOptions options;
    options.pageTokens = kPage;
    options.pages = pages;
    options.maxSequences = sequences;
    options.maxPages = 8;
    options.keepPrefixes = true;
    return options;
  }

  explicit ToyPages(const BlockManagerOptions &options)
      : options(options), table(options.maxSequences * options.maxPages), manager(options, table),
        memory(options.pages * kPage) {}

  static uint64_t valueAt(std::span<const int32_t> tokens, uint64_t salt, size_t position) {
    uint64_t value = salt * 77 + 5;
    for (size_t i = 0; i <= position; ++i)
      value = (value ^ uint64_t(tokens[i] + 1)) * 0x9e3779b97f4a7c15 + 1;
    return value;
  }

  /// What the device does in front of a step.
  void copyPages() {
    for (const BlockManager::Copy &copy : manager.takeCopies())
      std::copy_n(memory.begin() + copy.from * kPage, kPage, memory.begin() + copy.to * kPage);
  }

  /// Computes the last `count` of the sequence's tokens.
  void write(int32_t sequence, std::span<const int32_t> tokens, uint64_t salt, size_t count) {
    for (size_t i = tokens.size() - count; i < tokens.size(); ++i)
      slot(sequence, i) = valueAt(tokens, salt, i);
  }

  void expectHolds(int32_t sequence, std::span<const int32_t> tokens, uint64_t salt) {
    uint64_t value = salt * 77 + 5;
    for (size_t i = 0; i < tokens.size(); ++i) {
      value = (value ^ uint64_t(tokens[i] + 1)) * 0x9e3779b97f4a7c15 + 1;
      ASSERT_EQ(slot(sequence, i), value) << "sequence " << sequence << ", position " << i;
    }
  }

  BlockManagerOptions options;
  std::vector<int32_t> table;
  BlockManager manager;

private:
  uint64_t &slot(int32_t sequence, size_t position) {
    int32_t page = table[size_t(sequence) * options.maxPages + position / kPage];
    return memory[size_t(page) * kPage + position % kPage];
  }

  std::vector<uint64_t> memory;
};

} // namespace quipu::test

#endif // QUIPU_TEST_RUNTIME_TOYPAGES_H
