//===- Model.h - A loaded plan with its weights on a device -----------------*- C++ -*-===//

#ifndef QUIPU_RUNTIME_CORE_MODEL_H
#define QUIPU_RUNTIME_CORE_MODEL_H

#include "runtime/plan/PlanFile.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace quipu {

class Device;
class CodeModule;
struct PlanChoice;
class Weights;

/// Where the weights come from.
struct WeightSource {
  /// If set, weights are random values from this seed (RandomWeights.h).
  std::optional<uint64_t> seed;

  /// Weights from the files that the plan names, or from the sections of a bundle.
  static WeightSource files() { return {}; }
  static WeightSource random(uint64_t seed) { return {seed}; }
  /// "files" or "random:SEED", as after --weights. Throws Error for anything else.
  static WeightSource parse(std::string_view text);
};

struct ModelOptions {
  WeightSource weights;
  /// Whether to hash all bytes of every weight file even if size, time and header agree with the plan.
  bool verifyWeights = false;
  /// Whether the CPU reads weights in their files even where a copy in large pages is faster (LargePages.h).
  bool mapWeights = false;
  /// Called with remarks that a user should see. It may be empty.
  std::function<void(const std::string &remark)> note;
  /// "cpu", "cuda" or "cuda:1". Empty: the device that the plan was compiled for.
  std::string device;
  /// The isa of the plan's variant to run ("sm_80"). Empty: the first variant that the device can run.
  std::string variant;
  /// Token slots of the key/value cache of a session, unless the session asks for another number. 0: max_seq *
  /// max_batch of the plan. A GPU refuses the model if it has no room for one such session.
  uint64_t cacheTokens = 0;
  /// Threads of the CPU device, including the caller's. 0: one for each core that this process may use.
  unsigned threads = 0;
  /// Bind each thread to one core.
  bool pinThreads = false;
};

/// A plan that is ready to run: it is checked, weights are in memory, code is loaded. It does not change. Any number of
/// sessions may use it. Their steps run one at a time.
class Model : public std::enable_shared_from_this<Model> {
public:
  /// Throws Error if something is wrong with the plan, its weights or this machine.
  static std::shared_ptr<const Model> load(const std::string &planPath, const ModelOptions &options = {});
  static std::shared_ptr<const Model> load(std::shared_ptr<const PlanFile> plan, const ModelOptions &options = {});
  ~Model();

  const PlanFile &planFile() const { return *file; }
  /// Path of the plan, for messages.
  const std::string &planName() const { return file->path(); }
  const plan::Plan &plan() const { return file->plan(); }
  const plan::ModelConfig &config() const { return *plan().config(); }

  /// Programs and isa of the variant that the device runs.
  const std::vector<const plan::Program *> &programs() const { return chosenPrograms; }
  std::string variantIsa() const;
  /// The code that the device took from the plan: "cubin for sm_90a", "PTX for sm_80".
  std::string codeText() const;

  /// V.
  uint32_t vocabSize() const { return config().vocab_size(); }
  /// The greatest number of positions of a sequence, and of sequences at the same time.
  uint32_t maxSequenceLength() const { return plan().kv_cache()->max_seq(); }
  uint32_t maxSequences() const { return plan().kv_cache()->max_batch(); }
  /// The greatest number of rows of a launch. Longer steps run in several launches.
  uint32_t maxChunkRows() const;

  bool isEos(int32_t token) const;
  std::vector<int32_t> eosTokens() const;

  Device &device() const { return *dev; }
  /// Bytes of all weights that kernels read, and of the weights that lie in memory of the runtime's own (others are
  /// mapped).
  uint64_t weightBytes() const;
  uint64_t ownedWeightBytes() const;

  // For Session.
  const Weights &weights() const { return *weightTable; }
  const std::vector<const void *> &entryPoints(size_t kernel) const { return entries[kernel]; }
  uint64_t cacheTokens() const { return sessionTokens; }

private:
  Model() = default;
  /// Loads the first of the choices that the device can load.
  void loadCode(const std::vector<PlanChoice> &choices, const ModelOptions &options);
  void findEntries(size_t kernel);

  std::shared_ptr<const PlanFile> file;
  std::unique_ptr<Device> dev;
  std::unique_ptr<Weights> weightTable;
  std::vector<std::unique_ptr<CodeModule>> modules;
  uint32_t variant = 0;
  /// A module of the code.
  const plan::CodeModule *code = nullptr;
  std::vector<const plan::Program *> chosenPrograms;
  uint64_t sessionTokens = 0;
  std::unordered_set<int32_t> eos;
  /// Entry functions, [kernel][entry]. Only kernels of the device's programs have them.
  std::vector<std::vector<const void *>> entries;
};

} // namespace quipu

#endif // QUIPU_RUNTIME_CORE_MODEL_H
