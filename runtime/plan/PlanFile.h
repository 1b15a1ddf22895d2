//===- PlanFile.h - The plan on disk ----------------------------------------*- C++ -*-===//
//
// A plan file is PlanFileHeader followed by the FlatBuffer of plan.fbs. A plan may also lie inside a bigger file, with
// the weights (`--bundle`) or behind a copy of the runtime (`--emit executable`): see Bundle.h.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_RUNTIME_PLAN_PLANFILE_H
#define QUIPU_RUNTIME_PLAN_PLANFILE_H

#include "runtime/abi/PlanFormat.h"
#include "runtime/abi/plan_generated.h"
#include "runtime/support/MappedFile.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace quipu {

class OutputFile;

/// The header for a payload (a finished FlatBuffer of plan::Plan).
PlanFileHeader makePlanFileHeader(std::span<const uint8_t> payload);

/// Writes header and payload and commits the file.
void writePlanFile(OutputFile &output, std::span<const uint8_t> payload);

/// Whether the file begins as a plan does, whatever follows.
bool beginsAsPlan(const std::string &path);

/// Whether a runtime will take this payload: FlatBuffer structure, and meaning (checkPlan). Throws Error that begins
/// with `name`, says which field is out of range and ends in `advice`.
void checkPayload(std::span<const uint8_t> payload, const std::string &name, const std::string &advice);

/// Where a weight file of the plan may lie, in the order in which these places are tried: relative to the plan's
/// folder, then at the absolute path that it had when the plan was compiled.
std::vector<std::string> weightFilePlaces(const plan::WeightFile &file, const std::string &planPath);

/// The bytes that lie inside the file beside the plan: one region for each entry of Plan.files.
struct BundleSection {
  uint64_t offset;
  uint64_t size;
  /// XXH3-128 of them.
  uint8_t hash[16];
};

/// An opened and checked plan. Everything that the accessors return points into memory of its own, but the bytes of
/// bundled weights into the mapped file.
class PlanFile {
public:
  /// Reads a plan file, a bundle or an executable that holds a plan, and checks it whole: container, versions, hash,
  /// FlatBuffer structure, and meaning (checkPlan). Throws Error: not a plan, truncated, altered, other version, or
  /// the field that is wrong.
  static std::shared_ptr<const PlanFile> open(const std::string &path);

  /// As open() for bytes in memory (header and payload), which are copied. `name` stands for the path in messages;
  /// relative weight paths are taken from its folder.
  static std::shared_ptr<const PlanFile> fromMemory(std::span<const uint8_t> bytes, const std::string &name);

  const std::string &path() const { return filePath; }
  const plan::Plan &plan() const { return *root; }
  /// Size of header and payload in bytes.
  size_t planBytes() const { return bytes.size(); }
  /// Identifies the plan (hash of the payload).
  std::span<const uint8_t> payloadHash() const { return bytes.subspan(24, 16); }

  bool isBundle() const { return bundled; }
  /// Bytes of weight file `index` inside this file; only for bundles.
  std::span<const uint8_t> bundledFile(size_t index) const;
  /// The hash that these bytes had when the bundle was written.
  std::span<const uint8_t> bundledHash(size_t index) const { return sections[index].hash; }
  /// The mapped file of a bundle, else null.
  const std::shared_ptr<MappedFile> &mapping() const { return file; }

private:
  PlanFile() = default;
  void check(std::span<const uint8_t> planBytes);

  std::string filePath;
  std::shared_ptr<MappedFile> file;
  std::vector<uint64_t> memory;
  std::span<const uint8_t> bytes;
  const plan::Plan *root = nullptr;
  bool bundled = false;
  std::vector<BundleSection> sections;
};

/// Checks that a structurally valid plan means something the runtime can run: indices in range, arena and weights
/// consistent, grids bounded, shapes in agreement with the cache. Throws Error that begins with `name` and names the
/// field.
void checkPlan(const plan::Plan &plan, const std::string &name);

} // namespace quipu

#endif // QUIPU_RUNTIME_PLAN_PLANFILE_H
