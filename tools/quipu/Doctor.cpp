//===- Doctor.cpp - quipu doctor: what this machine can run ------------------------------===//

#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cpu/ThreadPool.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/support/AmxPermission.h"
#include "runtime/support/Error.h"
#include "tools/common/Console.h"
#include "tools/common/Process.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/JsonText.h"
#include "tools/quipu/Memory.h"
#include "tools/quipu/PlanCache.h"
#include "tools/quipu/doctor/Findings.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <unistd.h>

namespace fs = std::filesystem;

namespace quipu::tool {

namespace {

class Examination {
public:
  void processor();
  void memory();
  void installation();
  void cuda() {
    std::vector<Finding> found = examineCuda();
    findings.insert(findings.end(), found.begin(), found.end());
  }
  void cache();

  std::vector<Finding> findings;

private:
  void add(std::string key, std::string label, std::string value, std::string advice = "") {
    findings.push_back({std::move(key), std::move(label), std::move(value), std::move(advice)});
  }
};

} // namespace

static bool hasAll(std::initializer_list<const char *> features) {
  return std::all_of(features.begin(), features.end(), [](const char *it) { return hasCpuFeature(it); });
}

void Examination::processor() {
  add("cpu", "processor", cpuModelName());
  add("cores", "cores", std::to_string(availableCores()));
  std::string level = "x86-64";
  if (hasAll({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    level = "x86-64-v4";
  else if (hasAll({"avx2", "fma", "bmi", "bmi2"}))
    level = "x86-64-v3";
  add("cpu_level", "level", level,
      level == "x86-64" ? "kernels need AVX2 and FMA (x86-64-v3): this processor is too old for Quipu's plans" : "");
  std::string features;
  for (const std::string &feature : cpuFeatures())
    if (feature.starts_with("avx") || feature.starts_with("amx") || feature == "fma" || feature == "f16c")
      features += (features.empty() ? "" : " ") + feature;
  add("cpu_features", "features", features);
  add("bf16", "bf16 dot products", hasCpuFeature("avx512bf16") ? "yes" : "no",
      hasCpuFeature("avx512bf16") ? "" : "bf16 models run through f32 multiply-adds; nothing to do");
  if (!hasCpuFeature("amx-tile"))
    add("amx", "AMX tiles", "no");
  else if (requestAmx())
    add("amx", "AMX tiles", "yes, and the system permits them");
  else
    add("amx", "AMX tiles", "present, but the system refuses them",
        "allow arch_prctl(ARCH_REQ_XCOMP_PERM): a kernel from 5.16 on, and no sandbox that filters the call");
}

void Examination::memory() {
  SystemMemory memory = systemMemory();
  add("memory", "memory", binaryBytes(double(memory.total)) + ", " + binaryBytes(double(memory.available)) + " free");
  // "always [madvise] never": the word in brackets is the setting. Some containers do not have the file.
  std::string line, pages = "unknown";
  std::ifstream setting("/sys/kernel/mm/transparent_hugepage/enabled");
  std::getline(setting, line);
  size_t begin = line.find('['), end = line.find(']');
  if (begin != std::string::npos && end != std::string::npos)
    pages = line.substr(begin + 1, end - begin - 1);
  add("huge_pages", "huge pages", pages,
      pages == "never" ? "decoding is faster with them: echo madvise > /sys/kernel/mm/transparent_hugepage/enabled"
                       : "");
}

static std::string firstLine(const std::optional<std::string> &text) {
  return text ? text->substr(0, text->find('\n')) : "present, but does not start";
}

void Examination::installation() {
  add("version", "quipu", QUIPU_VERSION);
  add("plan_schema", "plan schema", std::to_string(kSchemaVersion));
  std::string compiler = ownFolder() + "/quipu-compile";
  if (access(compiler.c_str(), X_OK) != 0)
    add("compiler", "quipu-compile", "missing",
        "plans run, models cannot be compiled: install it beside quipu (" + compiler + ")");
  else
    add("compiler", "quipu-compile", firstLine(captureProcess({compiler, "--version"})));
  add("tokenizer", "tokenizers", "SentencePiece 0.2.1; BPE of tokenizer.json, of ranks in base64, and of GGUF");
}

void Examination::cache() {
  std::string folder = cacheFolder();
  if (folder.empty()) {
    add("cache", "plan cache", "none", "set QUIPU_CACHE, XDG_CACHE_HOME or HOME, so that compiled models are kept");
    return;
  }
  std::error_code error;
  CacheContents contents;
  try {
    contents = readCache(folder);
  } catch (const Error &) {
    // A folder that cannot be read cannot be written either; that is reported below.
  }
  // A folder that does not exist is made when it is needed. So the existing part of the path decides if it can be
  // written.
  fs::path existing = folder;
  while (!existing.empty() && existing.has_parent_path() && existing != existing.parent_path() &&
         !fs::exists(existing, error))
    existing = existing.parent_path();
  bool writable = access(existing.empty() ? "." : existing.c_str(), W_OK) == 0;
  add("cache", "plan cache", concat(folder, ", ", plansText(contents.plans.size(), totalBytes(contents.plans))),
      writable ? "" : "cannot be written: set QUIPU_CACHE to a folder that can");
}

static int runDoctor(bool json) {
  Examination examination;
  examination.processor();
  examination.memory();
  examination.installation();
  examination.cuda();
  examination.cache();
  if (json) {
    nlohmann::ordered_json result;
    for (const Finding &finding : examination.findings) {
      nlohmann::ordered_json item = {{"value", finding.value}};
      if (!finding.advice.empty())
        item["advice"] = finding.advice;
      result[finding.key] = item;
    }
    out().write(jsonText(result) + "\n");
    return 0;
  }
  for (const Finding &finding : examination.findings) {
    std::string label = finding.label;
    label.resize(20, ' ');
    out().write(label + finding.value + "\n");
    if (!finding.advice.empty())
      out().write(std::string(20, ' ') + "-> " + finding.advice + "\n");
  }
  return 0;
}

void addDoctor(CLI::App &program, Action &action) {
  auto json = std::make_shared<bool>(false);
  CLI::App *command = program.add_subcommand("doctor", "Report what this machine can run, and what to do about gaps");
  command->footer("Example:\n  quipu doctor");
  command->add_flag("--json", *json, "Print one object");
  command->callback([json, &action] { action = [json] { return runDoctor(*json); }; });
}

} // namespace quipu::tool
