//===- Pointwise.cpp - Selections of rows and rotary tables -------------------------===//

#include "codegen/cpu/InterleavedWeight.h"
#include "codegen/cpu/RowAccess.h"
#include "codegen/cpu/SingleOps.h"

#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace quipu::llama;

namespace quipu::codegen::cpu {

namespace {

/// Rows of an embedding table as they are decoded, some neighbouring values at a time.
class TableRows {
public:
  TableRows(KernelBuilder &b, RankedTensorType table, const ActivationLayout &to, int64_t lanes)
      : b(b), numbers(b, table) {
    if (interleaveOf(table) > 1) {
      interleaved.emplace(b, table);
      together = kWordBytes;
    } else {
      together = to.lanes && !numbers.hasBlocks() ? 1 : numbers.vectorLanes(widestVector(to.width, lanes));
    }
  }

  /// Values of a vector, which is a scalar where it is 1, and values of a step of the walk along a row.
  int64_t vector() const { return together; }
  int64_t step() const { return std::max(together, numbers.blockElements()); }

  /// Emits body(i, value) for the vectors of the step from feature k on, of row number `row` of the table at `base`.
  void forEachVector(Value base, Value row, Value k, llvm::function_ref<void(int64_t, Value)> body) const {
    if (!interleaved) {
      WeightOperand::Run run = numbers.run(b.at(base, b.mul(row, numbers.rowBytes())), k);
      for (int64_t i = 0; i < step(); i += together)
        body(i, together == 1 ? run.scalar(i) : run.vector(i, together));
      return;
    }
    int64_t rows = interleaved->rows();
    Value group = b.at(base, b.mul(b.div(row, rows), rows * numbers.rowBytes()));
    InterleavedWeight::Block block = interleaved->block(group, b.rem(row, rows), k, 1);
    for (int64_t i = 0; i < step(); i += together)
      body(i, block.values(i));
  }

private:
  KernelBuilder &b;
  WeightOperand numbers;
  std::optional<InterleavedWeight> interleaved;
  int64_t together;
};

} // namespace

void emitEmbedding(KernelBuilder &b, KernelOp kernel, EmbeddingOp embedding, CpuPointwiseScheduleAttr schedule,
                   RowDim rows, StringRef symbol) {
  KernelFrame frame(b, kernel, symbol);
  ActivationLayout to(embedding.getResult().getType());
  TableRows table(b, embedding.getTable().getType(), to, schedule.getLanes());
  std::optional<APFloat> scale = embedding.getScale();
  forEachRow(b, frame, schedule.getRowsPerBlock(), rows, [&](Value row) {
    Value token = b.widen(b.loadI32(b.at(frame.argument(embedding.getTokens()), b.mul(row, 4))));
    b.loop(b.i64(0), b.i64(to.width), table.step(), [&](Value k) {
      table.forEachVector(frame.argument(embedding.getTable()), token, k, [&](int64_t i, Value value) {
        if (scale)
          value = b.mulf(value, b.constantLike(value, static_cast<float>(scale->convertToDouble())));
        // Where rows lie in lanes, features of a row do not lie side by side.
        int64_t vector = table.vector();
        for (int64_t lane = 0; lane < (to.lanes ? vector : 1); ++lane) {
          Value part = to.lanes && vector > 1 ? vector::ExtractOp::create(b, value, lane).getResult() : value;
          b.storeF32(part, to.element, addressOf(b, to, frame.result(0), row, b.add(k, i + lane)));
        }
      });
    });
  });
}

void emitGatherRows(KernelBuilder &b, KernelOp kernel, GatherRowsOp gather, CpuPointwiseScheduleAttr schedule,
                    RowDim rows, StringRef symbol) {
  KernelFrame frame(b, kernel, symbol);
  ActivationLayout from(gather.getInput().getType()), to(gather.getResult().getType());
  int64_t vector = from.lanes || to.lanes ? 1 : widestVector(to.width, schedule.getLanes());
  forEachRow(b, frame, schedule.getRowsPerBlock(), rows, [&](Value row) {
    Value number = b.widen(b.loadI32(b.at(frame.argument(gather.getRows()), b.mul(row, 4))));
    Value start = addressOf(b, from, frame.argument(gather.getInput()), number, b.i64(0));
    b.loop(b.i64(0), b.i64(to.width), vector, [&](Value k) {
      Value value = b.loadF32(from.element, b.at(start, from.featureOffset(b, k)), vector == 1 ? 0 : vector);
      b.storeF32(value, to.element, addressOf(b, to, frame.result(0), row, k));
    });
  });
}

void emitRotaryTable(KernelBuilder &b, KernelOp kernel, RotaryTableOp table, CpuPointwiseScheduleAttr schedule,
                     RowDim rows, StringRef symbol) {
  // The frequencies are a constant of the code module, computed by the compiler.
  SmallVector<float> frequencies = table.getRope().inverseFrequencies(table.getHeadDim());
  int64_t half = frequencies.size();
  std::string constant = (symbol + ".inverse_frequencies").str();
  auto type = RankedTensorType::get({half}, b.getF32Type());
  LLVM::GlobalOp::create(b, LLVM::LLVMArrayType::get(b.getF32Type(), half), /*isConstant=*/true,
                         LLVM::Linkage::Internal, constant, DenseElementsAttr::get(type, ArrayRef<float>(frequencies)),
                         /*alignment=*/64);

  KernelFrame frame(b, kernel, symbol);
  Value inverse = LLVM::AddressOfOp::create(b, LLVM::LLVMPointerType::get(b.getContext()), constant);
  ActivationLayout layout(table.getResult().getType());
  forEachRow(b, frame, schedule.getRowsPerBlock(), rows, [&](Value row) {
    Value position = b.loadI32(b.at(frame.argument(table.getPositions()), b.mul(row, 4)));
    Value asFloat = arith::SIToFPOp::create(b, b.getF32Type(), position);
    b.loop(b.i64(0), b.i64(half), 1, [&](Value pair) {
      Value angle = b.mulf(asFloat, b.loadF32(b.getF32Type(), b.at(inverse, b.mul(pair, 4)), 0));
      b.storeF32(math::CosOp::create(b, angle), layout.element, addressOf(b, layout, frame.result(0), row, pair));
      b.storeF32(math::SinOp::create(b, angle), layout.element,
                 addressOf(b, layout, frame.result(0), row, b.add(pair, half)));
    });
  });
}

} // namespace quipu::codegen::cpu
