//===- Checkpoint.h - Writes checkpoints as torch.save does, and others -*- C++ -*-===//

#ifndef QUIPU_TEST_FRONTENDS_CHECKPOINT_H
#define QUIPU_TEST_FRONTENDS_CHECKPOINT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace quipu::test {

struct ZipEntry {
  std::string name;
  std::string bytes;
  /// What the directory claims; nothing: the truth.
  uint16_t method = 0, flags = 0;
  int64_t claimedSize = -1;
  int64_t claimedOffset = -1;
};

/// A zip archive of stored entries.
std::string zipArchive(const std::vector<ZipEntry> &entries);

/// Puts instructions of a pickle together.
class PickleWriter {
public:
  PickleWriter &op(char code);
  PickleWriter &raw(std::string_view bytes);
  PickleWriter &text(std::string_view text);
  PickleWriter &integer(int64_t value);
  PickleWriter &global(std::string_view module, std::string_view name);
  /// (a, b, ...)
  PickleWriter &tuple(const std::vector<int64_t> &values);
  std::string finish() { return bytes + "."; }

private:
  std::string bytes = "\x80\x02";
};

struct PickledTensor {
  std::string name;
  std::vector<int64_t> shape;
  /// Nothing: contiguous.
  std::vector<int64_t> strides = {};
  int64_t offset = 0;
  std::string key = "0";
  /// Elements of the storage; -1: as the shape needs.
  int64_t stored = -1;
  std::string storageClass = "FloatStorage";
};

/// The pickle of a state dict.
std::string stateDict(const std::vector<PickledTensor> &tensors);

/// A checkpoint whose tensors have a storage each, of 4 bytes an element, filled with the letter.
std::string checkpoint(const std::vector<PickledTensor> &tensors, char fill = 'x');

} // namespace quipu::test

#endif // QUIPU_TEST_FRONTENDS_CHECKPOINT_H
