//===- PlanFile.cpp - The plan on disk ---------------------------------------------------===//

#include "runtime/plan/PlanFile.h"
#include "runtime/core/Error.h"
#include "runtime/core/Hash.h"
#include "runtime/core/InputFiles.h"
#include "runtime/core/OutputFile.h"
#include "runtime/plan/Bundle.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace quipu {

static constexpr char kMagic[8] = {'Q', 'U', 'I', 'P', 'U', 'P', 'L', 'N'};
static constexpr const char *kRecompile = "compile the model again with this version of quipu";

bool beginsAsPlan(const std::string &path) {
  char magic[sizeof(kMagic)] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof(magic));
  return memcmp(magic, kMagic, sizeof(kMagic)) == 0;
}

PlanFileHeader makePlanFileHeader(std::span<const uint8_t> payload) {
  PlanFileHeader header = {};
  memcpy(header.magic, kMagic, sizeof(kMagic));
  header.containerVersion = kContainerVersion;
  header.schemaVersion = kSchemaVersion;
  header.payloadSize = payload.size();
  Hash128 hash = hashBytes(payload.data(), payload.size());
  memcpy(header.payloadHash, hash.data(), hash.size());
  return header;
}

void writePlanFile(OutputFile &output, std::span<const uint8_t> payload) {
  PlanFileHeader header = makePlanFileHeader(payload);
  output.write(&header, sizeof(header));
  output.write(payload.data(), payload.size());
  output.commit();
}

std::vector<std::string> weightFilePlaces(const plan::WeightFile &file, const std::string &planPath) {
  std::vector<std::string> places;
  if (file.relative_path() && file.relative_path()->size() > 0)
    places.push_back((std::filesystem::path(planPath).parent_path() / file.relative_path()->str()).string());
  places.push_back(file.path()->str());
  return places;
}

/// The model of a plan is what its weight files lie beside.
static void noteModel(const plan::Plan &plan, const std::string &planPath) {
  if (!plan.files())
    return;
  for (const plan::WeightFile *file : *plan.files())
    for (const std::string &place : weightFilePlaces(*file, planPath))
      noteModelFolder(std::filesystem::path(place).parent_path().string(), /*whole=*/true);
}

std::shared_ptr<const PlanFile> PlanFile::open(const std::string &path) {
  std::shared_ptr<PlanFile> result(new PlanFile());
  result->filePath = path;
  result->file = MappedFile::open(path, "plan");
  std::span<const uint8_t> bytes = result->file->span();
  if (std::optional<BundleLayout> layout = readBundleLayout(bytes, path)) {
    result->bundled = true;
    result->sections = std::move(layout->files);
    bytes = bytes.subspan(layout->plan.offset, layout->plan.size);
  }
  result->check(bytes);
  noteModel(result->plan(), path);
  if (result->bundled) {
    size_t expected = result->plan().files() ? result->plan().files()->size() : 0;
    if (result->sections.size() != expected)
      fail(path, ": the bundle holds ", result->sections.size(), " weight files where its plan names ", expected, "; ",
           kRecompile);
  }
  return result;
}

std::shared_ptr<const PlanFile> PlanFile::fromMemory(std::span<const uint8_t> bytes, const std::string &name) {
  std::shared_ptr<PlanFile> result(new PlanFile());
  result->filePath = name;
  // Words of 8 bytes: the FlatBuffer needs their alignment.
  result->memory.resize((bytes.size() + 7) / 8);
  if (!bytes.empty())
    memcpy(result->memory.data(), bytes.data(), bytes.size());
  result->check({reinterpret_cast<const uint8_t *>(result->memory.data()), bytes.size()});
  return result;
}

void PlanFile::check(std::span<const uint8_t> planBytes) {
  bytes = planBytes;
  size_t magicBytes = std::min(bytes.size(), sizeof(kMagic));
  if (bytes.empty() || memcmp(bytes.data(), kMagic, magicBytes) != 0)
    fail(filePath, ": not a Quipu plan (", bytes.empty() ? "the file is empty" : "it does not begin with QUIPUPLN",
         "); give a file that quipu compile wrote");
  if (bytes.size() < sizeof(PlanFileHeader))
    fail(filePath, ": the plan is truncated: ", bytes.size(), " bytes, less than its header; ", kRecompile);
  PlanFileHeader header;
  memcpy(&header, bytes.data(), sizeof(header));
  if (header.containerVersion != kContainerVersion)
    fail(filePath, ": the plan has container version ", header.containerVersion, ", this quipu reads version ",
         kContainerVersion, "; ", kRecompile);
  if (header.schemaVersion != kSchemaVersion)
    fail(filePath, ": the plan has schema version ", header.schemaVersion, ", this quipu reads version ",
         kSchemaVersion, "; ", kRecompile);
  std::span<const uint8_t> payload = bytes.subspan(sizeof(header));
  if (header.payloadSize > payload.size())
    fail(filePath, ": the plan is truncated: ", payload.size(), " bytes follow the header, which announces ",
         header.payloadSize, "; ", kRecompile);
  if (header.payloadSize < payload.size())
    fail(filePath, ": the plan was altered: ", payload.size(), " bytes follow the header, which announces ",
         header.payloadSize, " (a bundle with its end missing looks so too); ", kRecompile);
  bool reservedIsZero =
      std::all_of(std::begin(header.reserved), std::end(header.reserved), [](uint8_t byte) { return byte == 0; });
  Hash128 hash = hashBytes(payload.data(), payload.size());
  if (!reservedIsZero || memcmp(hash.data(), header.payloadHash, hash.size()) != 0)
    fail(filePath, ": the plan was altered since it was compiled (", reservedIsZero ? "its hash differs" : "header",
         "); ", kRecompile);
  checkPayload(payload, filePath, kRecompile);
  root = plan::GetPlan(payload.data());
}

void checkPayload(std::span<const uint8_t> payload, const std::string &name, const std::string &advice) {
  // A verifier with its default bounds takes the plans of the largest models: their tables number a few thousand.
  flatbuffers::Verifier verifier(payload.data(), payload.size());
  if (!plan::VerifyPlanBuffer(verifier))
    fail(name, ": the plan is malformed (its FlatBuffer does not verify); ", advice);
  try {
    checkPlan(*plan::GetPlan(payload.data()), name);
  } catch (const Error &error) {
    fail(error.what(), "; ", advice);
  }
}

std::span<const uint8_t> PlanFile::bundledFile(size_t index) const {
  const BundleSection &section = sections[index];
  return file->span().subspan(section.offset, section.size);
}

} // namespace quipu
