//===- BodySequence.h - Bodies of several kernels in one ------------*- C++ -*-===//
//
// A kernel that holds bodies of several kernels and runs them one behind the other, as a persistent kernel would. It
// lies here and not in the compiler, which gives each body a kernel of its own: it shows that CudaBody.h is right to
// say that a body can be called from any entry. A block of the sequence does
//
//   for each body
//     for each block of the body's own grid that is this block's
//       the body                               (waits for the bodies in front when it comes to that)
//       the threads of the block meet          (shared memory and named barriers are free)
//     wait for the bodies in front             (of the body's blocks perhaps none was this block's)
//     the threads of the block meet, and one of them counts the block
//
// The count is a word of global memory. After body number i, counted from 1, it is i * blocks when the body is finished
// everywhere. The last count of a launch sets it to 0 again; nobody waits for it any more then. So all blocks must run
// at the same time: there is one for each multiprocessor.
//
//===--------------------------------------------------------------------------===//

#ifndef QUIPU_TEST_CODEGEN_BODYSEQUENCE_H
#define QUIPU_TEST_CODEGEN_BODYSEQUENCE_H

#include "codegen/cuda/vocabulary/CudaBody.h"

namespace quipu::codegen::cuda {

/// A barrier of the whole grid between two bodies of one kernel.
class GridBarrier final : public Handover {
public:
  /// Of body number `bodiesInFront` of the kernel. `count`: pointer to the word in which each of `blocks` (i32) blocks
  /// counts itself once a body.
  GridBarrier(mlir::Value count, mlir::Value blocks, int64_t bodiesInFront, bool isLast)
      : count(count), blocks(blocks), bodiesInFront(bodiesInFront), isLast(isLast) {}

  /// The first body waits for the kernel in front.
  void waitForPrevious(CudaBuilder &b) const override;
  /// The blocks of the body behind are these blocks: nothing to do. The last body lets the next kernel start.
  void letNextStart(CudaBuilder &b) const override;
  /// The thread has work in the bodies behind: it stays.
  void leaveIf(CudaBuilder &, mlir::Value) const override {}
  /// What lies in the place of a barrier must not look like one to the hardware.
  void retire(CudaBuilder &b, llvm::ArrayRef<Barriers> barriers) const override;

private:
  mlir::Value count, blocks;
  int64_t bodiesInFront;
  bool isLast;
  DependentLaunch launch;
};

struct SequencePart {
  llama::KernelOp kernel;
  CudaBody body;
};

/// Emits the function `symbol` that holds `parts`. Its parameters are the pointers of each part's kernel in turn, then
/// the numbers of every kernel. Gives what launching it takes. Fails with a diagnostic on the kernel of a part that
/// cannot be in a sequence.
mlir::FailureOr<GeneratedEntry> emitBodySequence(CudaBuilder &b, llvm::StringRef symbol,
                                                 llvm::ArrayRef<SequencePart> parts);

} // namespace quipu::codegen::cuda

#endif // QUIPU_TEST_CODEGEN_BODYSEQUENCE_H
