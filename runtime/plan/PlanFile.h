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

/// Makes the header for a payload. A payload is a finished FlatBuffer of plan::Plan.
PlanFileHeader makePlanFileHeader(std::span<const uint8_t> payload);

/// Writes header and payload and commits the file.
void writePlanFile(OutputFile &output, std::span<const uint8_t> payload);

/// Whether the file begins with the magic of a plan. It does not look at the rest.
bool beginsAsPlan(const std::string &path);

/// Checks that a runtime will accept this payload: the structure of the FlatBuffer, and its meaning (checkPlan). Throws
/// Error that begins with `name`, says which field is out of range, and ends with `advice`.
void checkPayload(std::span<const uint8_t> payload, const std::string &name, const std::string &advice);

/// Whether a weight file was written with its plan, and so lies beside it (kWeightsSuffix).
bool isOwnWeightFile(const plan::WeightFile &file);

/// The paths where a weight file of the plan may be, in the order in which they are tried: relative to the plan's
/// folder, then the absolute path at the time of compilation.
std::vector<std::string> weightFilePlaces(const plan::WeightFile &file, const std::string &planPath);

/// A weight file inside a bundle. There is one for each entry of Plan.files.
struct BundleSection {
  uint64_t offset;
  uint64_t size;
  /// XXH3-128 of its bytes.
  uint8_t hash[16];
};

/// An opened and checked plan. What the accessors return points into memory of this object. Only the bytes of bundled
/// weights lie in the mapped file.
class PlanFile {
public:
  /// Reads a plan file, a bundle or an executable with a plan, and checks all of it: container, versions, hash,
  /// structure of the FlatBuffer, and meaning (checkPlan). Throws Error that says what is wrong: not a plan, truncated,
  /// altered, another version, or the field that is wrong.
  static std::shared_ptr<const PlanFile> open(const std::string &path);

  /// The same for bytes in memory (header and payload). They are copied. `name` is the path in messages, and relative
  /// paths of weights start at its folder.
  static std::shared_ptr<const PlanFile> fromMemory(std::span<const uint8_t> bytes, const std::string &name);

  const std::string &path() const { return filePath; }
  const plan::Plan &plan() const { return *root; }
  /// Size of header and payload in bytes.
  size_t planBytes() const { return bytes.size(); }
  /// XXH3-128 of the payload. It identifies the plan.
  std::span<const uint8_t> payloadHash() const { return bytes.subspan(24, 16); }

  bool isBundle() const { return bundled; }
  /// Bytes of weight file number `index`. Only for bundles.
  std::span<const uint8_t> bundledFile(size_t index) const;
  /// The hash that these bytes had when the bundle was written.
  std::span<const uint8_t> bundledHash(size_t index) const { return sections[index].hash; }
  /// The mapped file of a bundle. Null for other plans.
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

/// Checks that the runtime can run a plan whose structure is valid: indices are in range, arena and weights are
/// consistent, grids are bounded, shapes agree with the cache. Throws Error that begins with `name` and names the
/// field.
void checkPlan(const plan::Plan &plan, const std::string &name);

} // namespace quipu

#endif // QUIPU_RUNTIME_PLAN_PLANFILE_H
