//===- CudaBuilder.cpp - The vocabulary of CUDA kernel emitters --------------===//

#include "codegen/cuda/vocabulary/CudaBuilder.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;

namespace quipu::codegen::cuda {

static char constraintOf(Type type) {
  if (auto pointer = dyn_cast<LLVM::LLVMPointerType>(type))
    return pointer.getAddressSpace() == 3 ? 'r' : 'l';
  if (type.isF32())
    return 'f';
  if (type.isF64())
    return 'd';
  if (type.isInteger(64))
    return 'l';
  if (type.isInteger(32) || isa<VectorType>(type))
    return 'r';
  return 'h';
}

CudaBuilder::Values CudaBuilder::ptx(StringRef text, ArrayRef<Type> results, ArrayRef<Value> operands, bool memory,
                                     bool ordered) {
  std::string constraints;
  auto add = [&](StringRef prefix, char letter) {
    constraints += (constraints.empty() ? "" : ",") + prefix.str() + letter;
  };
  for (Type type : results)
    add("=", constraintOf(type));
  for (Value operand : operands)
    add("", constraintOf(operand.getType()));
  if (memory)
    constraints += constraints.empty() ? "~{memory}" : ",~{memory}";
  Type result;
  if (results.size() == 1)
    result = results.front();
  else if (results.size() > 1)
    result = LLVM::LLVMStructType::getLiteral(getContext(), results);
  auto call = LLVM::InlineAsmOp::create(*this, result ? TypeRange(result) : TypeRange(), operands, text, constraints,
                                        /*has_side_effects=*/memory || ordered, /*is_align_stack=*/false,
                                        LLVM::tailcallkind::TailCallKind::None,
                                        LLVM::AsmDialectAttr::get(getContext(), LLVM::AsmDialect::AD_ATT), ArrayAttr());
  Values values;
  if (results.size() == 1)
    values.push_back(call.getRes());
  for (size_t i = 0; results.size() > 1 && i < results.size(); ++i)
    values.push_back(LLVM::ExtractValueOp::create(*this, call.getRes(), i));
  return values;
}

Value CudaBuilder::thread() { return NVVM::ThreadIdXOp::create(*this, getI32Type()); }

Value CudaBuilder::warp() {
  return NVVM::ShflOp::create(*this, getI32Type(), i32(-1), div(thread(), 32), i32(0), i32(31), NVVM::ShflKind::idx,
                              UnitAttr());
}

Value CudaBuilder::block(unsigned dim) {
  if (dim == 0)
    return NVVM::BlockIdXOp::create(*this, getI32Type());
  return NVVM::BlockIdYOp::create(*this, getI32Type());
}

Value CudaBuilder::gridSize(unsigned dim) {
  if (dim == 0)
    return NVVM::GridDimXOp::create(*this, getI32Type());
  return NVVM::GridDimYOp::create(*this, getI32Type());
}

void CudaBuilder::barrier() { ptx("bar.sync 0;", {}, {}, /*memory=*/true); }

void CudaBuilder::barrier(Value id, int64_t threads) {
  ptx("bar.sync $0, $1;", {}, {id, i32(threads)}, /*memory=*/true);
}

void CudaBuilder::warpBarrier() { ptx("bar.warp.sync -1;", {}, {}, /*memory=*/true); }

void CudaBuilder::clusterBarrier() {
  // A warp's lanes arrive together: those ahead would only keep the others from what they still have to do.
  warpBarrier();
  ptx("barrier.cluster.arrive; barrier.cluster.wait;", {}, {}, /*memory=*/true);
}

void CudaBuilder::waitForPrevious() {
  if (target.has(CudaFeature::DependentLaunch))
    ptx("griddepcontrol.wait;", {}, {}, /*memory=*/true);
}

void CudaBuilder::letNextStart() {
  if (target.has(CudaFeature::DependentLaunch))
    ptx("griddepcontrol.launch_dependents;", {}, {}, /*memory=*/false, /*ordered=*/true);
}

void CudaBuilder::endThreadIf(Value condition) {
  ptx("{ .reg .pred over; setp.ne.b32 over, $0, 0; @over exit; }", {}, {select(condition, i32(1), i32(0))},
      /*memory=*/true);
}

void CudaBuilder::keepLoop() { ptx(".pragma \"nounroll\";", {}, {}, /*memory=*/false, /*ordered=*/true); }

Value CudaBuilder::fma(Value a, Value b, Value c) { return LLVM::FMAOp::create(*this, a, b, c); }
Value CudaBuilder::exp2(Value a) { return ptx1("ex2.approx.ftz.f32 $0, $1;", getF32Type(), {a}); }
Value CudaBuilder::reciprocal(Value a) { return ptx1("rcp.approx.ftz.f32 $0, $1;", getF32Type(), {a}); }
Value CudaBuilder::rsqrt(Value a) { return ptx1("rsqrt.approx.ftz.f32 $0, $1;", getF32Type(), {a}); }

Value CudaBuilder::pack(Type element, Value low, Value high) {
  // The first operand becomes the upper half.
  StringRef text = element.isBF16() ? "cvt.rn.bf16x2.f32 $0, $1, $2;" : "cvt.rn.f16x2.f32 $0, $1, $2;";
  return ptx1(text, getI32Type(), {high, low});
}

std::pair<Value, Value> CudaBuilder::unpack(Type element, Value pair) {
  if (element.isBF16()) {
    // A bf16 is the upper half of an f32.
    Value low = arith::ShLIOp::create(*this, pair, i32(16));
    Value high = arith::AndIOp::create(*this, pair, i32(static_cast<int32_t>(0xffff0000)));
    return {arith::BitcastOp::create(*this, getF32Type(), low), arith::BitcastOp::create(*this, getF32Type(), high)};
  }
  Values halves = ptx("{ .reg .b16 l, h; mov.b32 {l, h}, $2; cvt.f32.f16 $0, l; cvt.f32.f16 $1, h; }",
                      {getF32Type(), getF32Type()}, {pair});
  return {halves[0], halves[1]};
}

Value CudaBuilder::extract(Value vector, int64_t index) {
  return LLVM::ExtractElementOp::create(*this, vector, i32(index));
}

Value CudaBuilder::fromWords(ArrayRef<Value> words) {
  Value vector = LLVM::PoisonOp::create(*this, VectorType::get({static_cast<int64_t>(words.size())}, getI32Type()));
  for (auto [index, word] : llvm::enumerate(words))
    vector = LLVM::InsertElementOp::create(*this, vector, word, i32(static_cast<int64_t>(index)));
  return vector;
}

CudaBuilder::Values CudaBuilder::unpackWords(Type element, Value vector) {
  Values values;
  for (int64_t i = 0; i < cast<VectorType>(vector.getType()).getNumElements(); ++i) {
    Value word = extract(vector, i);
    if (element.isF32()) {
      values.push_back(arith::BitcastOp::create(*this, getF32Type(), word));
      continue;
    }
    auto [low, high] = unpack(element, word);
    values.push_back(low);
    values.push_back(high);
  }
  return values;
}

CudaBuilder::Values CudaBuilder::packWords(Type element, ArrayRef<Value> values) {
  Values words;
  if (element.isF32()) {
    for (Value value : values)
      words.push_back(arith::BitcastOp::create(*this, getI32Type(), value));
  } else {
    for (size_t i = 0; i < values.size(); i += 2)
      words.push_back(pack(element, values[i], values[i + 1]));
  }
  return words;
}

Value CudaBuilder::shuffleXor(Value value, int64_t mask) {
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, i32(mask), i32(31), NVVM::ShflKind::bfly,
                              UnitAttr());
}

Value CudaBuilder::shuffleFrom(Value value, Value lane) {
  return NVVM::ShflOp::create(*this, value.getType(), i32(-1), value, lane, i32(31), NVVM::ShflKind::idx, UnitAttr());
}

Value CudaBuilder::sumLanes(Value value, int64_t width) {
  for (int64_t mask = width / 2; mask > 0; mask /= 2)
    value = addf(value, shuffleXor(value, mask));
  return value;
}

Value CudaBuilder::maxLanes(Value value, int64_t width) {
  for (int64_t mask = width / 2; mask > 0; mask /= 2)
    value = maxf(value, shuffleXor(value, mask));
  return value;
}

Type CudaBuilder::pointerType(unsigned space) { return LLVM::LLVMPointerType::get(getContext(), space); }
VectorType CudaBuilder::vec4i32() { return VectorType::get({4}, getI32Type()); }

Value CudaBuilder::shared() {
  constexpr StringLiteral name = "quipu_shared";
  Operation *module = getBlock()->getParentOp();
  while (!isa<ModuleOp>(module))
    module = module->getParentOp();
  if (!SymbolTable::lookupSymbolIn(module, name)) {
    OpBuilder::InsertionGuard guard(*this);
    setInsertionPointToStart(cast<ModuleOp>(module).getBody());
    LLVM::GlobalOp::create(*this, LLVM::LLVMArrayType::get(getI8Type(), 0), /*isConstant=*/false,
                           LLVM::Linkage::External, name, Attribute(), /*alignment=*/1024, /*addrSpace=*/3);
  }
  return LLVM::AddressOfOp::create(*this, pointerType(3), name);
}

Value CudaBuilder::loadOrdered16(StringRef instruction, Value pointer, int64_t offset) {
  std::string text = (instruction + ".v4.b32 {$0, $1, $2, $3}, [$4+" + std::to_string(offset) + "];").str();
  SmallVector<Type> types(4, getI32Type());
  return fromWords(ptx(text, types, {pointer}, /*memory=*/false, /*ordered=*/true));
}

Value CudaBuilder::loadWeights16(Value pointer, int64_t offset, int64_t around) {
  return loadOrdered16("ld.global.nc.L1::no_allocate.L2::" + std::to_string(around) + "B", pointer, offset);
}

CudaBuilder::Values CudaBuilder::loadRun(Type element, int64_t count, Value pointer) {
  int64_t words = count * bytesOf(element) / 4;
  if (words == 0)
    return {loadF32(element, pointer)};
  Values values;
  for (int64_t first = 0; first < words; first += 4) {
    int64_t size = std::min<int64_t>(words - first, 4);
    values.append(unpackWords(element, load(VectorType::get({size}, getI32Type()), at(pointer, 4 * first), 4 * size)));
  }
  return values;
}

void CudaBuilder::storeRun(Type element, ArrayRef<Value> values, Value pointer) {
  if (static_cast<int64_t>(values.size()) * bytesOf(element) < 4)
    return storeF32(values.front(), element, pointer);
  Values words = packWords(element, values);
  for (size_t first = 0; first < words.size(); first += 4) {
    ArrayRef<Value> part = ArrayRef(words).slice(first, std::min<size_t>(words.size() - first, 4));
    store(fromWords(part), at(pointer, static_cast<int64_t>(4 * first)), static_cast<int64_t>(4 * part.size()));
  }
}

void CudaBuilder::copyAsync16(Value shared, Value global, Value valid) {
  if (!valid) {
    ptx("cp.async.cg.shared.global [$0], [$1], 16;", {}, {shared, global}, /*memory=*/true);
    return;
  }
  Value bytes = select(valid, i32(16), i32(0));
  ptx("cp.async.cg.shared.global [$0], [$1], 16, $2;", {}, {shared, global, bytes}, /*memory=*/true);
}

void CudaBuilder::commitCopies() { ptx("cp.async.commit_group;", {}, {}, /*memory=*/true); }

void CudaBuilder::waitCopies(int64_t pending) {
  ptx("cp.async.wait_group " + std::to_string(pending) + ";", {}, {}, /*memory=*/true);
}

CudaBuilder::Values CudaBuilder::mma(Type element, ArrayRef<Value> a, ArrayRef<Value> b, ArrayRef<Value> c) {
  std::string type = element.isBF16() ? "bf16" : "f16";
  std::string text = "mma.sync.aligned.m16n8k16.row.col.f32." + type + "." + type +
                     ".f32 {$0, $1, $2, $3}, {$4, $5, $6, $7}, {$8, $9}, {$10, $11, $12, $13};";
  Values operands;
  for (ArrayRef<Value> part : {a, b, c})
    operands.append(part.begin(), part.end());
  Type f32 = getF32Type();
  return ptx(text, {f32, f32, f32, f32}, operands);
}

CudaBuilder::Values CudaBuilder::loadMatrices(Value shared, bool transposed) {
  Type i32 = getI32Type();
  std::string text = std::string("ldmatrix.sync.aligned.m8n8.x4") + (transposed ? ".trans" : "") +
                     ".shared.b16 {$0, $1, $2, $3}, [$4];";
  return ptx(text, {i32, i32, i32, i32}, {shared}, /*memory=*/true);
}

} // namespace quipu::codegen::cuda
