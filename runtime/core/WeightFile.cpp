//===- WeightFile.cpp - Finding a plan's weight files ------------------------------------===//

#include "runtime/core/Error.h"
#include "runtime/core/Hash.h"
#include "runtime/core/Weights.h"

#include <cstring>
#include <filesystem>

namespace quipu {

static constexpr const char *kRecompile = "compile the model again, or put the file back as it was";

std::vector<uint8_t> weightHeaderHash(std::span<const uint8_t> bytes, const std::string &name) {
  uint64_t length = 0;
  if (bytes.size() >= sizeof(length))
    memcpy(&length, bytes.data(), sizeof(length));
  if (bytes.size() < sizeof(length) || length > bytes.size() - sizeof(length))
    fail(name, ": its header of ", length, " bytes leaves the file of ", bytes.size(), " bytes; the file is damaged");
  Hash128 hash = hashBytes(bytes.data(), sizeof(length) + size_t(length));
  return std::vector<uint8_t>(hash.begin(), hash.end());
}

static bool sameHash(const flatbuffers::Vector<uint8_t> &expected, const uint8_t *found) {
  return memcmp(expected.data(), found, expected.size()) == 0;
}

void checkWeightBytes(const plan::WeightFile &expected, std::span<const uint8_t> bytes, const std::string &name,
                      const std::string &planPath, bool hashContent) {
  std::string since = concat(" since ", planPath, " was compiled");
  if (bytes.size() != expected.size())
    fail(name, ": the weights changed", since, ": ", bytes.size(), " bytes, expected ", expected.size(), "; ",
         kRecompile);
  if (!sameHash(*expected.header_hash(), weightHeaderHash(bytes, name).data()))
    fail(name, ": the weights changed", since, ": the hash of the header differs; ", kRecompile);
  if (!hashContent)
    return;
  Hash128 content = hashBytes(bytes.data(), bytes.size());
  if (!sameHash(*expected.content_hash(), content.data()))
    fail(name, ": the weights changed", since, ": the hash of the content differs; ", kRecompile);
}

std::shared_ptr<MappedFile> openWeightFile(const plan::WeightFile &file, const std::string &planPath, bool verify) {
  std::vector<std::string> candidates = weightFilePlaces(file, planPath);
  std::string firstProblem;
  for (const std::string &path : candidates) {
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored))
      continue;
    try {
      std::shared_ptr<MappedFile> mapped = MappedFile::open(path, "weight file");
      checkWeightBytes(file, mapped->span(), path, planPath, verify || mapped->mtimeNs() != file.mtime_ns());
      return mapped;
    } catch (const Error &error) {
      if (firstProblem.empty())
        firstProblem = error.what();
    }
  }
  if (!firstProblem.empty())
    throw Error(firstProblem);
  std::string places = candidates.front();
  if (candidates.size() > 1)
    places += " or " + candidates.back();
  fail(planPath, ": weight file not found at ", places,
       "; put it there, compile the model again, or use --weights random:SEED");
}

} // namespace quipu
