//===- Ceilings.h - What this machine can do at best ------------------------*- C++ -*-===//
//
// `bench` sets each result beside a ceiling measured in the same run, because machines differ and are noisy. On a CPU:
// the read bandwidth of a buffer that no cache holds, and the rate of the instruction that the kernels' inner loops
// consist of. On a GPU: a copy of device memory, and a large product through cuBLAS.
//
//===----------------------------------------------------------------------------------===//

#ifndef QUIPU_TOOLS_QUIPU_BENCH_CEILINGS_H
#define QUIPU_TOOLS_QUIPU_BENCH_CEILINGS_H

#include "runtime/core/Model.h"
#include "runtime/cpu/ThreadPool.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace quipu::tool {

/// Bytes and operations per second. 0: not measured.
struct CeilingRates {
  double bytes = 0, operations = 0;
};

/// The two ceilings of the device that a model runs on.
class Ceilings {
public:
  virtual ~Ceilings() = default;
  /// `pin`: as the model's threads.
  static std::unique_ptr<Ceilings> create(const Model &model, bool pin);
  /// The same without weights in memory. `weightBytes`: how many the plan has.
  static std::unique_ptr<Ceilings> create(Device &device, const plan::Plan &plan, uint64_t weightBytes, bool pin);

  /// One short run of each. Returns what these runs reached.
  virtual CeilingRates measure() = 0;
  /// The best rate so far, per second. 0 if it cannot be measured.
  virtual double bytes() const = 0;
  virtual double operations() const = 0;
  /// How they are measured: "read", "copy"; "AVX-512 bf16 dot products", "cuBLAS bf16".
  virtual const char *bytesName() const = 0;
  virtual std::string operationsName() const = 0;
};

/// Bandwidth of reading memory. Each thread sums its share of a buffer. There are several forms of the loop, and the
/// best counts.
class ReadCeiling {
public:
  /// `modelBytes`: the buffer is at least so big. Throws Error if the system gives no memory.
  ReadCeiling(ThreadPool &pool, uint64_t modelBytes);
  ~ReadCeiling();
  ReadCeiling(const ReadCeiling &) = delete;
  ReadCeiling &operator=(const ReadCeiling &) = delete;

  /// Runs one pass with every form of the loop. Returns the best bandwidth of these passes, in bytes per second.
  double measure();
  double best() const { return bestRate; }
  uint64_t bufferBytes() const { return size; }

private:
  ThreadPool &pool;
  uint8_t *buffer = nullptr;
  size_t size = 0;
  double bestRate = 0;
  /// Gets the sums, so that the compiler cannot remove the loads.
  uint64_t sink = 0;
};

/// The instruction of the kernels' dot products.
enum class DotInstruction {
  Scalar,
  Fma256,
  Fma512,
  Bf16Dot512,
  Bf16Tiles,
  Int16Pairs256,
  Int16Pairs512,
  Int8Pairs256,
  Int8Dot256,
  Int8Dot512,
  Int8Tiles
};
const char *dotInstructionName(DotInstruction instruction);

/// The instruction that does most of the arithmetic of a plan's prompts, as the schedules of its kernels say. Where
/// this machine lacks it, the widest multiply-add that it has.
DotInstruction dotInstruction(const plan::Plan &plan);

/// Arithmetic rate of an instruction in a loop that touches no memory, on all threads at once.
class ArithmeticCeiling {
public:
  ArithmeticCeiling(ThreadPool &pool, DotInstruction instruction) : pool(pool), instruction(instruction) {}

  /// Measures one short run. Returns its rate, in floating-point operations per second.
  double measure();
  double best() const { return bestRate; }

private:
  ThreadPool &pool;
  DotInstruction instruction;
  double bestRate = 0;
};

} // namespace quipu::tool

#endif // QUIPU_TOOLS_QUIPU_BENCH_CEILINGS_H
