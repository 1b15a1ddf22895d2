//===- PlanSource.cpp - PLAN or MODEL, and the cache between them ------------------------===//

#include "tools/quipu/PlanSource.h"
#include "frontends/common/FetchAdvice.h"
#include "frontends/common/Model.h"
#include "runtime/cpu/CpuFeatures.h"
#include "runtime/cuda/CudaProperties.h"
#include "runtime/support/Error.h"
#include "runtime/support/Hash.h"
#include "runtime/support/InputFiles.h"
#include "tools/common/CacheKey.h"
#include "tools/common/Console.h"
#include "tools/quipu-compile/Options.h"
#include "tools/quipu/Command.h"
#include "tools/quipu/CudaTools.h"
#include "tools/quipu/PlanCache.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>

namespace fs = std::filesystem;

namespace quipu::tool {

void PlanSource::addPath(CLI::App &command, const std::string &text) {
  command.add_option("-m,--model,PLAN", source, text)->required()->type_name("FILE");
}

void PlanSource::addOptions(CLI::App &command) {
  addPath(command, "A compiled plan, or a model (compiled first and kept in the cache)");
  const auto &[target, dtype, kvDtype, quantize, activations, maxBatch, maxSeq, schedules, tuning] = sharedOptions();
  const SharedOption *const shared[] = {&target,   &dtype,  &kvDtype,   &quantize, &activations,
                                        &maxBatch, &maxSeq, &schedules, &tuning};
  // Options keep pointers into the vector: it must not grow afterwards.
  flags.reserve(std::size(shared));
  for (const SharedOption *flag : shared) {
    flags.emplace_back(flag->name, "");
    CLI::Option *option = command.add_option(flag->names(), flags.back().second, flag->text);
    option->group("When a model is compiled");
    if (!flag->choices.empty())
      option->check(CLI::IsMember(flag->choices));
    if (flag->most)
      option->type_name("N")->check(isNumber(1, flag->most));
    if (!flag->type.empty())
      option->type_name(flag->type);
  }
  command.add_flag(
      kDeterministic, deterministic,
      "Compile a model so that logits have the same bits whatever else a step computes, however a prompt was "
      "divided, and with any number of threads; refuse a plan that does not promise this");
}

std::vector<std::string> PlanSource::compileFlags() const {
  std::vector<std::string> result;
  for (const auto &[name, value] : flags)
    if (!value.empty()) {
      result.push_back(name);
      result.push_back(value);
    }
  if (deterministic)
    result.push_back(kDeterministic);
  return result;
}

bool PlanSource::isModel() const {
  std::error_code error;
  if (fs::is_directory(source, error))
    return true;
  std::string extension = fs::path(source).extension().string();
  return extension == ".json" || extension == ".gguf" || extension == ".bin";
}

bool PlanSource::isForCuda() const {
  return std::ranges::any_of(flags, [](const auto &flag) {
    return flag.first == sharedOptions().target.name && flag.second.starts_with("cuda");
  });
}

void PlanSource::noteInputs() const {
  noteInput(source);
  for (const auto &[name, value] : flags)
    if (name == kTuning && !value.empty())
      noteInput(value);
  std::error_code error;
  bool isFolder = fs::is_directory(source, error);
  if (isModel())
    noteModelFolder(isFolder ? source : fs::path(source).parent_path().string(), /*whole=*/isFolder);
}

std::shared_ptr<const PlanFile> PlanSource::open(bool verbose, const std::string &device, bool verify) const {
  std::error_code error;
  if (!fs::exists(source, error) && error != std::errc::permission_denied)
    fail(source, ": no such file or directory; ", frontend::fetchAdvice(source, "quipu run"));
  if (isModel())
    return compileCached(verbose, device, verify);
  if (std::vector<std::string> given = compileFlags(); !given.empty() && given[0] != kDeterministic)
    throw UsageError(given[0] + " applies when a model is compiled, and " + source + " is a plan already");
  std::shared_ptr<const PlanFile> plan = PlanFile::open(source);
  if (deterministic && !plan->plan().deterministic())
    fail(source, ": ", kDeterministic,
         " wants a plan that was compiled with it; of this one a row depends on what else a ", "step computes",
         plan->plan().differs_because() ? ": " + plan->plan().differs_because()->str() : "",
         ". Compile the model with ", kDeterministic, ", or leave the option out");
  return plan;
}

static std::string cacheKey(const std::string &model, const std::vector<std::string> &flags,
                            const std::string &compiler, bool isCuda) {
  CacheKey key;
  key.add("quipu " QUIPU_VERSION);
  key.addNumber(kSchemaVersion);
  key.addStamp(compiler);
  for (size_t i = 0; i < flags.size(); ++i) {
    key.add(flags[i]);
    if (flags[i] == kTuning)
      key.addFile(flags[i + 1], "tuning file");
  }
  // Without --target the code is for this machine, and a cache may be shared by several.
  for (const std::string &feature : cpuFeatures())
    key.add(feature);
  // Whether a plan has machine code depends on the assembler, which may be installed later.
  if (isCuda) {
    CudaAssemblers assemblers = findCudaAssemblers();
    if (!assemblers.nvJitLink.empty())
      assemblers.ptxas.push_back(assemblers.nvJitLink);
    for (const std::string &path : assemblers.ptxas)
      key.addStamp(path);
  }
  key.add(fs::absolute(model).string());
  std::vector<fs::path> small;
  if (fs::is_directory(model)) {
    for (const fs::directory_entry &entry : fs::directory_iterator(model))
      if (entry.is_regular_file() && (entry.path().extension() == ".json" || entry.path().extension() == ".model"))
        small.push_back(entry.path());
  } else if (fs::path(model).extension() == ".bin") {
    // Of a file of llama2.c the header counts, and the tokenizer beside it.
    for (const char *name : {"tokenizer.bin", "tokenizer.model"})
      if (fs::path tokenizer = fs::path(model).parent_path() / name; fs::exists(tokenizer))
        small.push_back(tokenizer);
  } else if (fs::path(model).extension() != ".gguf") {
    // Of a GGUF file the header counts, which has the config and the tokenizer.
    small.push_back(model);
  }
  std::sort(small.begin(), small.end());
  for (const fs::path &path : small)
    key.addFile(path, "model file");
  // Opening the model also refuses a bad model before the compiler is started.
  frontend::Model opened = frontend::openModel(model);
  if (opened.weights)
    for (const frontend::WeightFile &file : opened.weights->files) {
      key.addStamp(file.path);
      key.add({reinterpret_cast<const char *>(file.headerHash.data()), file.headerHash.size()});
    }
  return key.hash();
}

/// Whether the weights that the compiler wrote beside a plan are there.
static bool hasOwnWeights(const PlanFile &file) {
  const auto *files = file.plan().files();
  std::error_code error;
  for (size_t i = 0; files && i < files->size(); ++i)
    if (isOwnWeightFile(*files->Get(unsigned(i))) &&
        fs::file_size(weightFilePlaces(*files->Get(unsigned(i)), file.path()).front(), error) !=
            files->Get(unsigned(i))->size())
      return false;
  return true;
}

/// The plan at this path. Null if it is missing or damaged; then it is compiled again.
static std::shared_ptr<const PlanFile> openIfSound(const std::string &path) {
  std::error_code error;
  if (!fs::exists(path, error))
    return nullptr;
  try {
    std::shared_ptr<const PlanFile> plan = PlanFile::open(path);
    return hasOwnWeights(*plan) ? plan : nullptr;
  } catch (const Error &) {
    return nullptr;
  }
}

std::shared_ptr<const PlanFile> PlanSource::compileCached(bool verbose, const std::string &device, bool verify) const {
  std::string compiler = compilerPath();
  std::vector<std::string> arguments = compileFlags();
  auto target = std::find(arguments.begin(), arguments.end(), "--target");
  if (target == arguments.end() && device.starts_with("cuda")) {
    arguments.insert(arguments.end(), {"--target", "cuda"});
    target = arguments.end() - 2;
  }
  bool isCuda = target != arguments.end() && target[1].starts_with("cuda");
  if (verify)
    arguments.push_back("--hash-weights");
  if (keepsIr)
    arguments.push_back("--keep-ir");
  std::string folder = cacheFolder();
  if (folder.empty())
    fail("no folder for plans compiled on the fly: none of QUIPU_CACHE, XDG_CACHE_HOME and HOME is set; set one, or "
         "compile first: quipu compile ",
         source, " -o FILE");
  std::string plan = cachedPlanPath(folder, cacheKey(source, arguments, compiler, isCuda));
  if (std::shared_ptr<const PlanFile> cached = openIfSound(plan)) {
    if (verbose)
      printNote(concat(source, ": compiled before, using ", plan));
    return cached;
  }
  std::error_code error;
  fs::create_directories(fs::path(plan).parent_path(), error);
  if (error)
    fail(folder, ": cannot create the folder for plans compiled on the fly: ", error.message(),
         "; set QUIPU_CACHE to a folder that can be written");
  if (errorIsTerminal() || verbose)
    printNote(concat("compiling ", source, " (kept for the next time)"));
  auto start = std::chrono::steady_clock::now();
  arguments.insert(arguments.begin(), source);
  arguments.push_back("-o");
  arguments.push_back(plan);
  // The compiler writes to a temporary name and renames, so that two runs at once do no harm.
  if (int status = runCompiler(arguments)) {
    std::string text = concat(source, ": could not be compiled (quipu-compile ended with status ", status, ")");
    if (status == 2)
      throw UsageError(text);
    throw Error(text);
  }
  if (verbose)
    printNote(concat("compiled in ",
                     fixed(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), 2),
                     " s: ", plan));
  return PlanFile::open(plan);
}

void ModelFlags::addOptions(CLI::App &command, std::vector<unsigned> *threadCounts) {
  command.add_option("--weights", weights, "files, or random:SEED")->type_name("SOURCE");
  command.add_flag(
      "--map-weights", mapWeights,
      "On a CPU: read weights in their files. By default models over 32 MiB are copied to large pages, which "
      "makes decode faster, if twice as much memory is free. Weights in blocks are always copied, if the plan has them "
      "interleaved");
  const char *threadsText = "Threads (default: the cores that this process may use)";
  if (threadCounts)
    addNumbers(command, "--threads,-t", *threadCounts, threadsText, 1);
  else
    addNumber(command, "--threads,-t", threads, threadsText, 1);
  command.add_flag("--pin", pin, "Bind each thread to one core");
  command.add_option("--device", device, "cpu, cuda or cuda:N, GPU number N (default: what the plan was compiled for)");
  command
      .add_option("--variant", variant, "Of a CUDA plan: its code for this architecture (default: the best that runs)")
      ->type_name("ISA");
  command.add_flag(
      "--verify", verify,
      "Compare every byte of the weight files with the plan's hash, also where size, time and header agree");
}

ModelOptions ModelFlags::options() const {
  ModelOptions result;
  try {
    if (!weights.empty())
      result.weights = WeightSource::parse(weights);
    // Whether the GPU exists is checked later. Here only the text is checked.
    if (device.starts_with("cuda"))
      (void)cudaDeviceNumber(device);
  } catch (const Error &error) {
    throw UsageError(error.what());
  }
  result.verifyWeights = verify;
  result.mapWeights = mapWeights;
  result.note = [](const std::string &remark) { printNote(remark); };
  result.device = device;
  result.variant = variant;
  result.threads = threads;
  result.pinThreads = pin;
  return result;
}

} // namespace quipu::tool
