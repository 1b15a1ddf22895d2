//===- Weights.h - The weights of a plan in memory --------------------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_WEIGHTS_H
#define QUIPU_RUNTIME_CORE_WEIGHTS_H

#include "runtime/core/Device.h"
#include "runtime/core/MappedFile.h"
#include "runtime/core/Model.h"
#include "runtime/plan/PlanFile.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace quipu {

/// Finds and maps the file that a plan names: first relative to the plan's folder, then at the absolute path. A file is
/// accepted when its size and the hash of its header are those of the plan and its time is too, or, where the time
/// differs or `verify` is set, the hash of its content. Throws Error that names the file and says what differs.
std::shared_ptr<MappedFile> openWeightFile(const plan::WeightFile &file, const std::string &planPath, bool verify);

/// Throws Error, beginning with `name`, when the bytes are not those of the file that the plan was compiled from: by
/// size and hash of the header, and with `hashContent` by the hash of everything.
void checkWeightBytes(const plan::WeightFile &expected, std::span<const uint8_t> bytes, const std::string &name,
                      const std::string &planPath, bool hashContent);

/// XXH3-128 of the first part of a safetensors file: the 8-byte length and the JSON. Throws Error when the length
/// leaves the file.
std::vector<uint8_t> weightHeaderHash(std::span<const uint8_t> bytes, const std::string &name);

/// One pointer for each entry of Plan.weights: into a mapped file (or the bundle), or into memory of the runtime's own
/// where the plan converts or joins, or the values come from a seed.
class Weights {
public:
  /// Throws Error when a file is missing or differs, or when the plan has no files and `source` is not random.
  Weights(const PlanFile &plan, Device &device, const WeightSource &source, bool verify);

  /// Address of weight `index` as kernels see it.
  void *pointer(size_t index) const { return pointers[index]; }

  /// Bytes of all weights, and those of them outside of mapped files.
  uint64_t bytes() const { return totalBytes; }
  uint64_t ownedBytes() const { return owned.size(); }

private:
  /// False when the device leaves it to the host.
  static bool fillRandom(Device &device, const plan::Weight &weight, uint64_t seed, void *target);

  std::vector<std::shared_ptr<MappedFile>> files;
  DeviceMemory owned;
  std::vector<void *> pointers;
  uint64_t totalBytes = 0;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_WEIGHTS_H
