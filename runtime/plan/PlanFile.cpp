//===- PlanFile.cpp - The plan on disk ---------------------------------------------------===//

#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Bundle.h"
#include "runtime/support/Error.h"
#include "runtime/support/FileKind.h"
#include "runtime/support/Hash.h"
#include "runtime/support/InputFiles.h"
#include "runtime/support/OutputFile.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace quipu {

static_assert(kPlanMagic.size() == sizeof(PlanFileHeader::magic));
static constexpr const char *kRecompile = "compile the model again with this version of quipu";

bool beginsAsPlan(const std::string &path) {
  char magic[kPlanMagic.size()] = {};
  std::ifstream(path, std::ios::binary).read(magic, sizeof(magic));
  return std::string_view(magic, sizeof(magic)) == kPlanMagic;
}

PlanFileHeader makePlanFileHeader(std::span<const uint8_t> payload) {
  PlanFileHeader header = {};
  memcpy(header.magic, kPlanMagic.data(), kPlanMagic.size());
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

bool isOwnWeightFile(const plan::WeightFile &file) {
  std::string_view relative = file.relative_path() ? file.relative_path()->string_view() : std::string_view();
  return relative.ends_with(kWeightsSuffix) && relative.find('/') == std::string_view::npos;
}

std::vector<std::string> weightFilePlaces(const plan::WeightFile &file, const std::string &planPath) {
  std::vector<std::string> places;
  if (file.relative_path() && file.relative_path()->size() > 0)
    places.push_back((std::filesystem::path(planPath).parent_path() / file.relative_path()->str()).string());
  places.push_back(file.path()->str());
  return places;
}

/// The files beside a plan's weight files belong to its model. A folder that has a plan with its own weights is not a
/// model's.
static void noteModel(const plan::Plan &plan, const std::string &planPath) {
  if (!plan.files())
    return;
  for (const plan::WeightFile *file : *plan.files())
    for (const std::string &place : weightFilePlaces(*file, planPath))
      if (isOwnWeightFile(*file))
        noteInput(place);
      else
        noteModelFolder(std::filesystem::path(place).parent_path().string(), /*whole=*/true);
}

/// The header of a plan, which must announce as many bytes as there are.
static PlanFileHeader checkHeader(std::span<const uint8_t> bytes, const std::string &filePath) {
  std::string_view head(reinterpret_cast<const char *>(bytes.data()), std::min(bytes.size(), kFileKindBytes));
  if (head.empty() || !head.starts_with(kPlanMagic.substr(0, head.size()))) {
    constexpr std::string_view kAdvice = "give a file that quipu compile wrote";
    if (std::string kind = head.empty() ? "" : describeFileKind(head, kAdvice); !kind.empty())
      fail(filePath, ": not a Quipu plan: it ", kind);
    fail(filePath, ": not a Quipu plan (",
         head.empty() ? "the file is empty" : concat("it does not begin with ", kPlanMagic), "); ", kAdvice);
  }
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
  uint64_t payloadSize = bytes.size() - sizeof(header);
  if (header.payloadSize > payloadSize)
    fail(filePath, ": the plan is truncated: ", payloadSize, " bytes follow the header, which announces ",
         header.payloadSize, "; ", kRecompile);
  if (header.payloadSize < payloadSize)
    fail(filePath, ": the plan was altered: ", payloadSize, " bytes follow the header, which announces ",
         header.payloadSize, " (a bundle with its end missing looks so too); ", kRecompile);
  return header;
}

/// Reads the plan's part of a file into memory. A mapping would change if somebody wrote the file again while the model
/// runs.
static void readPlan(const MappedFile &file, ByteRange place, void *target) {
  int fd = ::open(file.path().c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail(file.path(), ": cannot open plan", errnoSuffix(errno));
  for (size_t done = 0; done < place.size;) {
    ssize_t count = pread(fd, static_cast<char *>(target) + done, place.size - done, off_t(place.offset + done));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      int error = errno;
      close(fd);
      if (count < 0)
        fail(file.path(), ": cannot read plan", errnoSuffix(error));
      fail(file.path(), ": the plan became shorter while it was read; ", kRecompile);
    }
    done += size_t(count);
  }
  close(fd);
}

std::shared_ptr<const PlanFile> PlanFile::open(const std::string &path) {
  std::shared_ptr<PlanFile> result(new PlanFile());
  result->filePath = path;
  std::shared_ptr<MappedFile> file = MappedFile::open(path, "plan");
  ByteRange place = {0, file->size()};
  if (std::optional<BundleLayout> layout = readBundleLayout(file->span(), path)) {
    result->bundled = true;
    result->sections = std::move(layout->files);
    place = layout->plan;
    // The mapping is only for the weights.
    result->file = file;
  }
  // Check this before memory for the whole file is allocated: it may be a file of another kind.
  (void)checkHeader(file->span().subspan(place.offset, place.size), path);
  result->memory.resize((place.size + 7) / 8);
  readPlan(*file, place, result->memory.data());
  result->check({reinterpret_cast<const uint8_t *>(result->memory.data()), place.size});
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
  // Words of 8 bytes, because the FlatBuffer needs this alignment.
  result->memory.resize((bytes.size() + 7) / 8);
  if (!bytes.empty())
    memcpy(result->memory.data(), bytes.data(), bytes.size());
  result->check({reinterpret_cast<const uint8_t *>(result->memory.data()), bytes.size()});
  return result;
}

void PlanFile::check(std::span<const uint8_t> planBytes) {
  bytes = planBytes;
  PlanFileHeader header = checkHeader(bytes, filePath);
  std::span<const uint8_t> payload = bytes.subspan(sizeof(header));
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
  // The verifier's default bounds are enough: plans of the largest models have a few thousand tables.
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
