//===- PtxStrings.cpp - Instructions that MLIR has no operation for -----------===//

#include "codegen/cuda/vocabulary/PtxStrings.h"

#include "codegen/cuda/Convergent.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace quipu::codegen::cuda::ptx {

namespace {

/// What the compiler may do with a text.
enum class Order {
  /// It may be moved, merged or dropped like arithmetic.
  free,
  /// It is not removed or repeated, and stays in order with other texts of this kind.
  kept,
  /// Also, no access to memory moves across it.
  memory,
};

/// One instruction, or several that must stay together. Results are $0, $1, ...; the operands follow.
struct Instruction {
  std::string text;
  Order order;
  /// LLVM may not move the text under a condition (as for PTX that a whole warp must execute).
  bool isConvergent;
};

/// A text that means the same under any condition, but is not to be duplicated or sunk into branches either: it counts
/// as convergent.
constexpr bool kAsEmitted = true;

char constraintOf(Type type) {
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type))
    return pointer.getAddressSpace() == 3 ? 'r' : 'l';
  if (type.isF32())
    return 'f';
  if (type.isF64())
    return 'd';
  return type.isInteger(64) ? 'l' : 'r';
}

/// With `changed` the text changes its first operands in place. The first results are their registers.
Values emit(Builder &b, const Instruction &instruction, ArrayRef<Type> results, ArrayRef<Value> operands,
            size_t changed = 0) {
  std::string constraints;
  auto add = [&](const std::string &constraint) { constraints += (constraints.empty() ? "" : ",") + constraint; };
  for (Type type : results)
    add(std::string("=") + constraintOf(type));
  for (auto [index, operand] : llvm::enumerate(operands))
    add(index < changed ? std::to_string(index) : std::string(1, constraintOf(operand.getType())));
  if (instruction.order == Order::memory)
    add("~{memory}");
  Type result;
  if (results.size() == 1)
    result = results.front();
  else if (results.size() > 1)
    result = LLVM::LLVMStructType::getLiteral(b.getContext(), results);
  auto call =
      LLVM::InlineAsmOp::create(b, result ? TypeRange(result) : TypeRange(), operands, instruction.text, constraints,
                                /*has_side_effects=*/instruction.order != Order::free,
                                /*is_align_stack=*/false, LLVM::tailcallkind::TailCallKind::None,
                                LLVM::AsmDialectAttr::get(b.getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr());
  if (instruction.isConvergent)
    declareConvergent(call);
  Values values;
  if (results.size() == 1)
    values.push_back(call.getRes());
  for (size_t i = 0; results.size() > 1 && i < results.size(); ++i)
    values.push_back(LLVM::ExtractValueOp::create(b, call.getRes(), i));
  return values;
}

/// The text changes `registers` ($0, $1, ...) in place. The numbers of `operands` begin at 2 * registers.size().
Values change(Builder &b, const Instruction &instruction, ArrayRef<Value> registers, ArrayRef<Value> operands = {}) {
  SmallVector<Type> types(ValueRange(registers).getTypes());
  Values all(registers);
  all.append(operands.begin(), operands.end());
  return emit(b, instruction, types, all, registers.size());
}

/// "$first, $first+1, ...", `count` of them.
std::string numbered(size_t first, size_t count) {
  std::string list;
  for (size_t i = 0; i < count; ++i)
    list += (i ? ", $" : "$") + std::to_string(first + i);
  return list;
}

} // namespace

// The comments say why a text is here. "No operation": neither the NVVM nor the LLVM dialect of LLVM 22 has one. Other
// texts have an operation whose machine code (ptxas 13.0) was compared and found worse; the number of instructions is
// of kernels of Llama-3.2-1B.

// ---------------------------------------------------------------- arithmetic

// No operation.
Value exp2(Builder &b, Value a) {
  return emit(b, {"ex2.approx.ftz.f32 $0, $1;", Order::free, /*isConvergent=*/false}, b.getF32Type(), a).front();
}
Value rsqrt(Builder &b, Value a) {
  return emit(b, {"rsqrt.approx.ftz.f32 $0, $1;", Order::free, /*isConvergent=*/false}, b.getF32Type(), a).front();
}

// nvvm.convert.f32x2.to.f16x2: LLVM looks through the pair and takes addresses apart, up to 5 % more instructions.
Value roundPair(Builder &b, Type element, Value low, Value high) {
  // The first operand becomes the upper half.
  std::string text = std::string("cvt.rn.") + (element.isBF16() ? "bf16x2" : "f16x2") + ".f32 $0, $1, $2;";
  return emit(b, {text, Order::free, /*isConvergent=*/false}, b.getI32Type(), {high, low}).front();
}

// LLVM has lrint, but not for NVPTX.
Value roundToI32(Builder &b, Value a) {
  return emit(b, {"cvt.rni.s32.f64 $0, $1;", Order::free, /*isConvergent=*/false}, b.getI32Type(), a).front();
}

// No operation.
Value opaque(Builder &b, Value number) {
  return emit(b, {"mov.b32 $0, $1;", Order::kept, kAsEmitted}, b.getI32Type(), number).front();
}

// The text has no instruction. With LLVM's undef each use could have another value.
Values emptyRegisters(Builder &b, int64_t count) {
  return emit(b, {"", Order::kept, kAsEmitted}, SmallVector<Type>(count, b.getF32Type()), {});
}

// No operation.
Value transposePairs(Builder &b, Value pair) {
  std::string text = "movmatrix.sync.aligned.m8n8.trans.b16 $0, $1;";
  return emit(b, {text, Order::kept, /*isConvergent=*/true}, b.getI32Type(), pair).front();
}

// ---------------------------------------------------------------- control

// For LLVM's back end nvvm.griddepcontrol touches no memory. So it would move early loads behind the wait.
void waitForPreviousGrid(Builder &b) { emit(b, {"griddepcontrol.wait;", Order::memory, kAsEmitted}, {}, {}); }

// With nvvm.exit LLVM changes the order of the loads behind it: 40 of 974 instructions fewer, but 4 registers more.
void exitIf(Builder &b, Value condition) {
  Value flag = arith::SelectOp::create(b, condition, arith::ConstantIntOp::create(b, 1, 32),
                                       arith::ConstantIntOp::create(b, 0, 32));
  std::string text = "{ .reg .pred over; setp.ne.b32 over, $0, 0; @over exit; }";
  emit(b, {text, Order::memory, /*isConvergent=*/true}, {}, flag);
}

// No operation.
void keepLoop(Builder &b) { emit(b, {".pragma \"nounroll\";", Order::kept, kAsEmitted}, {}, {}); }

// ---------------------------------------------------------------- loads

// llvm.load cannot say where it must stay, which caches keep its line, or how much L2 fetches.
static Values loadWords(Builder &b, StringRef instruction, Value pointer, int64_t offset) {
  std::string text = (instruction + ".v4.b32 {$0, $1, $2, $3}, [$4+" + std::to_string(offset) + "];").str();
  return emit(b, {text, Order::kept, kAsEmitted}, SmallVector<Type>(4, b.getI32Type()), pointer);
}

Values load16(Builder &b, Value pointer, int64_t offset) { return loadWords(b, "ld.global", pointer, offset); }
Values loadOnce16(Builder &b, Value pointer, int64_t offset) {
  return loadWords(b, "ld.global.L1::no_allocate", pointer, offset);
}
Values loadReadOnly16(Builder &b, Value pointer, int64_t offset) {
  return loadWords(b, "ld.global.nc", pointer, offset);
}
Values loadWeights16(Builder &b, Value pointer, int64_t offset, int64_t around) {
  return loadWords(b, "ld.global.nc.L1::no_allocate.L2::" + std::to_string(around) + "B", pointer, offset);
}

Value load4(Builder &b, Value pointer) {
  return emit(b, {"ld.global.b32 $0, [$1];", Order::kept, kAsEmitted}, b.getI32Type(), pointer).front();
}

// As blocks with a branch each, the loads would wait for each other.
Values loadFromL2If(Builder &b, Value remaining, int64_t least, Value pointer, int64_t offset,
                    ArrayRef<float> otherwise) {
  size_t count = otherwise.size();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "{ .reg .pred p; setp.ge.s32 p, $" << count + 1 << ", " << least << ";";
  for (auto [index, value] : llvm::enumerate(otherwise))
    os << llvm::format(" mov.f32 $%d, 0f%08X;", static_cast<int>(index), llvm::bit_cast<uint32_t>(value));
  os << " @p ld.relaxed.gpu.global.v" << count << ".f32 {" << numbered(0, count) << "}, [$" << count << "+" << offset
     << "]; }";
  return emit(b, {text, Order::kept, kAsEmitted}, SmallVector<Type>(count, b.getF32Type()), {pointer, remaining});
}

// ---------------------------------------------------------------- atomic

// llvm.atomicrmw has uinc_wrap, but NVPTX drops its acquire and release without a warning.
Value countReleasing(Builder &b, Value counter, Value last) {
  std::string text = "atom.inc.acq_rel.gpu.global.u32 $0, [$1], $2;";
  return emit(b, {text, Order::memory, kAsEmitted}, b.getI32Type(), {counter, last}).front();
}

// In a block of its own, the result would be a register that two branches write.
Value countIfZero(Builder &b, Value number, Value counter, Value last) {
  std::string text = "{ .reg .pred here; setp.eq.s32 here, $2, 0; mov.u32 $0, 0; "
                     "@here atom.inc.relaxed.gpu.global.u32 $0, [$1], $3; }";
  return emit(b, {text, Order::memory, kAsEmitted}, b.getI32Type(), {counter, number, last}).front();
}

// ---------------------------------------------------------------- barriers in shared memory

// nvvm.mbarrier.init: the address is computed again behind it, 6 instructions more before a ring's first copy.
void initialiseBarrier(Builder &b, Value barrier, Value arrivals) {
  std::string text = "mbarrier.init.shared::cta.b64 [$0], $1;";
  emit(b, {text, Order::memory, kAsEmitted}, {}, {barrier, arrivals});
}

// nvvm.mbarrier.try_wait tries once. With blocks for its loop ptxas changes the loops around it (2 to 7 instructions
// fewer, or up to 6 more). nvvm.mbarrier.try_wait.parity has the loop, but does not say that it touches memory.
void waitForPhase(Builder &b, Value barrier, Value parity) {
  // The thread may sleep in try_wait. The last operand is the longest time in nanoseconds before it looks again.
  std::string text = "{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1, 10000000; "
                     "@!done bra again; }";
  emit(b, {text, Order::memory, kAsEmitted}, {}, {barrier, parity});
}

// nvvm.mbarrier.arrive has no predicate: with a branch ptxas unrolls the producer's whole loop, 24 % more instructions.
void arriveIf(Builder &b, Value flag, Value barrier, Value block) {
  if (!block) {
    std::string text = "{ .reg .pred here; setp.ne.b32 here, $0, 0; @here mbarrier.arrive.shared::cta.b64 _, [$1]; }";
    emit(b, {text, Order::memory, kAsEmitted}, {}, {flag, barrier});
    return;
  }
  // .release.cluster would make it wait for all memory accesses of the thread. It is not needed: products have finished
  // their reads.
  std::string text =
      "{ .reg .pred here; .reg .b32 there; setp.ne.b32 here, $0, 0; @here mapa.shared::cluster.u32 there, $1, $2; "
      "@here mbarrier.arrive.shared::cluster.b64 _, [there]; }";
  emit(b, {text, Order::memory, kAsEmitted}, {}, {flag, barrier, block});
}

// ---------------------------------------------------------------- copies into shared memory

// nvvm.cp.async.bulk.shared.cluster.global: 2 instructions more for each copy.
void copyBytes(Builder &b, Value shared, Value global, Value bytes, Value barrier) {
  std::string text = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1], $2, [$3];";
  emit(b, {text, Order::memory, kAsEmitted}, {}, {shared, global, bytes, barrier});
}

// LLVM takes nvvm.prefetch for a read without a result, and may drop it.
void prefetchTensorMap(Builder &b, Value map) {
  emit(b, {"prefetch.tensormap [$0];", Order::kept, kAsEmitted}, {}, map);
}

// nvvm.cp.async.bulk.tensor.shared.cluster.global: addresses are computed again for each box, up to 37 instructions
// more. A copy to several blocks takes pointers to the cluster's memory, and needs up to 60 more.
void copyBox(Builder &b, Value shared, Value map, Value row, Value column, Value barrier) {
  std::string text =
      "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1, {$2, $3}], "
      "[$4];";
  emit(b, {text, Order::memory, kAsEmitted}, {}, {shared, map, column, row, barrier});
}
void copyBoxToCluster(Builder &b, Value shared, Value map, Value row, Value column, Value barrier, int64_t blocks) {
  std::string text = "{ .reg .b16 blocks; mov.b16 blocks, " + std::to_string((1 << blocks) - 1) +
                     "; cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster "
                     "[$0], [$1, {$2, $3}], [$4], blocks; }";
  emit(b, {text, Order::memory, kAsEmitted}, {}, {shared, map, column, row, barrier});
}

// ---------------------------------------------------------------- wgmma

/// A descriptor has 64 bits. Its low half is what Wgmma.cpp says. Its high half has the bytes / 16 between groups of
/// eight rows (1,024 / 16) and the code of the 128-byte swizzle. The instruction's own text puts the halves together,
/// because of a bug: ptxas up to 13.0 loses the high half where it folds additions to 64-bit descriptors.
static constexpr StringLiteral kDescriptorHigh = "0x40000040";

static std::string productName(Type element, int64_t columns) {
  std::string type = element.isBF16() ? "bf16" : "f16";
  return "wgmma.mma_async.sync.aligned.m64n" + std::to_string(columns) + "k16.f32." + type + "." + type;
}

// nvvm.wgmma.mma_async takes descriptors of 64 bits, and A only from shared memory. It becomes a text too, but one that
// says neither that it is convergent nor that it reads memory.
Values multiplyBoxes(Builder &b, Type element, int64_t columns, Value a, Value weights, ArrayRef<Value> sums,
                     bool keep) {
  auto operand = [&](size_t index) { return "$" + std::to_string(2 * sums.size() + index); };
  std::string text = "{ .reg .pred keep; .reg .b32 high; .reg .b64 a, b; setp.ne.b32 keep, " + std::to_string(keep) +
                     ", 0; mov.b32 high, " + kDescriptorHigh.str() + "; mov.b64 a, {" + operand(0) +
                     ", high}; mov.b64 b, {" + operand(1) + ", high}; " + productName(element, columns) + " {" +
                     numbered(0, sums.size()) + "}, a, b, keep, 1, 1, 0, 0; }";
  return change(b, {text, Order::memory, /*isConvergent=*/true}, sums, {a, weights});
}

Values multiplyRows(Builder &b, Type element, int64_t columns, ArrayRef<Value> a, Value rows, ArrayRef<Value> sums) {
  size_t first = 2 * sums.size();
  std::string text = "{ .reg .b32 high; .reg .b64 b; mov.b32 high, " + kDescriptorHigh.str() + "; mov.b64 b, {$" +
                     std::to_string(first + a.size()) + ", high}; " + productName(element, columns) + " {" +
                     numbered(0, sums.size()) + "}, {" + numbered(first, a.size()) + "}, b, 1, 1, 1, 1; }";
  Values operands(a);
  operands.push_back(rows);
  return change(b, {text, Order::memory, /*isConvergent=*/true}, sums, operands);
}

// nvvm.wgmma.fence.aligned and nvvm.wgmma.wait.group.sync.aligned have no registers as operands, so uses of the sums
// could move across them.
Values fenceRegisters(Builder &b, ArrayRef<Value> registers) {
  return change(b, {"wgmma.fence.sync.aligned;", Order::memory, /*isConvergent=*/true}, registers);
}
Values waitForProducts(Builder &b, int64_t groups, ArrayRef<Value> sums) {
  std::string text = "wgmma.wait_group.sync.aligned " + std::to_string(groups) + ";";
  return change(b, {text, Order::memory, /*isConvergent=*/true}, sums);
}

} // namespace quipu::codegen::cuda::ptx
