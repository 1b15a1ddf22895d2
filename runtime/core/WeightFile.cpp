//===- WeightFile.cpp - Finding a plan's weight files ------------------------------------===//

#include "runtime/abi/TensorPieces.h"
#include "runtime/core/Weights.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/Progress.h"
#include "runtime/support/WeightIdentity.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <iterator>

namespace quipu {

namespace {

/// Compares a file with what the plan says of it.
class Comparison {
public:
  Comparison(const PlanFile &plan, size_t index, const std::string &name, std::span<const uint8_t> bytes)
      : plan(plan), expected(*plan.plan().files()->Get(unsigned(index))), index(index), name(name), bytes(bytes) {}

  /// Checks that need no reading of the weights.
  void sizeAndHeader() const {
    if (bytes.size() != expected.size())
      changed(bytes.size(), " bytes, expected ", expected.size());
    std::vector<ByteRange> header;
    for (const plan::FileRange *range : *expected.header())
      header.push_back({range->offset(), range->size()});
    if (!same(expected.header_hash(), hashRanges(bytes, header).data()))
      changed("the hash of the header differs");
  }

  void samples(const MappedFile &file) const {
    if (!isThere(expected.sample_hash()))
      return;
    std::vector<ByteRange> tensors;
    for (const plan::Weight *weight : *plan.plan().weights())
      for (const plan::Source *source : *weight->sources())
        for (const TensorPiece &piece : piecesOf(*source))
          if (piece.file == index)
            std::ranges::copy(piece.bytes(formatOf(*source)), std::back_inserter(tensors));
    if (!same(expected.sample_hash(), hashSamples(file, sampleRanges(std::move(tensors))).data()))
      changed("the values of its tensors differ (the hash of samples of each)");
  }

  void content(std::span<const uint8_t> hash) const {
    Progress progress("compare " + name + " with the plan's hash", bytes.size());
    Hash128 found = hashContent(bytes, [&](uint64_t more) { progress.add(more); });
    if (memcmp(hash.data(), found.data(), found.size()) != 0)
      changed("the hash of the content differs");
  }

  static bool isThere(const flatbuffers::Vector<uint8_t> *hash) { return hash && hash->size() > 0; }

private:
  static bool same(const flatbuffers::Vector<uint8_t> *hash, const uint8_t *found) {
    return memcmp(hash->data(), found, hash->size()) == 0;
  }

  template <typename... Args> [[noreturn]] void changed(const Args &...args) const {
    fail(name, ": the weights changed since ", plan.path(), " was compiled: ", args...,
         "; compile the model again, or put the file back as it was");
  }

  const PlanFile &plan;
  const plan::WeightFile &expected;
  size_t index;
  const std::string &name;
  std::span<const uint8_t> bytes;
};

} // namespace

static void checkFile(const PlanFile &plan, size_t index, const ModelOptions &options, const MappedFile &file) {
  const plan::WeightFile &expected = *plan.plan().files()->Get(unsigned(index));
  Comparison comparison(plan, index, file.path(), file.span());
  comparison.sizeAndHeader();
  if (file.mtimeNs() == expected.mtime_ns() && !options.verifyWeights)
    return;
  // The samples show at once if these are other weights.
  comparison.samples(file);
  if (Comparison::isThere(expected.content_hash()))
    comparison.content({expected.content_hash()->data(), expected.content_hash()->size()});
  else if (options.verifyWeights)
    fail(file.path(), ": cannot be verified: ", plan.path(),
         " was compiled without a hash of all bytes (size, header "
         "and samples agree); compile the model with --hash-weights");
  else if (options.note)
    options.note(concat(file.path(), ": has another time than when ", plan.path(),
                        " was compiled; size, header and "
                        "samples of all tensors agree, so it is taken for a copy (a plan compiled with "
                        "--hash-weights has every byte compared)"));
}

std::span<const uint8_t> bundledWeights(const PlanFile &plan, size_t index, const ModelOptions &options) {
  std::span<const uint8_t> bytes = plan.bundledFile(index);
  std::string name = concat(plan.path(), ", bundled weight file ", index);
  Comparison comparison(plan, index, name, bytes);
  comparison.sizeAndHeader();
  if (options.verifyWeights)
    comparison.content(plan.bundledHash(index));
  return bytes;
}

std::shared_ptr<MappedFile> openWeightFile(const PlanFile &plan, size_t index, const ModelOptions &options) {
  const plan::WeightFile &file = *plan.plan().files()->Get(unsigned(index));
  const std::string &planPath = plan.path();
  std::vector<std::string> candidates = weightFilePlaces(file, planPath);
  std::string firstProblem;
  for (const std::string &path : candidates) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      continue;
    try {
      std::shared_ptr<MappedFile> mapped = MappedFile::open(path, "weight file");
      checkFile(plan, index, options, *mapped);
      return mapped;
    } catch (const Error &error) {
      if (firstProblem.empty())
        firstProblem = error.what();
    }
  }
  if (!firstProblem.empty())
    throw Error(firstProblem);
  std::string places = candidates.front();
  if (candidates.back() != places)
    places += " or " + candidates.back();
  fail(planPath, ": weight file not found at ", places,
       isOwnWeightFile(file) ? " (the compiler wrote it with the plan: both belong together)" : "",
       "; put it there, compile the model again, or use --weights random:SEED");
}

} // namespace quipu
