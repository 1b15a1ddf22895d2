//===- LlamaAttrs.cpp - Attributes of the llama dialect -------------------===//

#include "ir/Llama/Llama.h"
#include "ir/Llama/RowPairing.h"
#include "runtime/abi/InterleavedRows.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <numbers>

using namespace mlir;
using namespace quipu::llama;

#include "ir/Llama/LlamaEnums.cpp.inc"

#include "ir/Llama/LlamaAttrInterfaces.cpp.inc"

// `0, streams = 1, sums = in_order`: of streams and sums what is 0 or `lanes` is not printed. One directive for all
// three, because a space goes in front of each.
static ParseResult parsePrefetchAndMore(AsmParser &parser, int64_t &prefetch, int64_t &streams, SumOrder &sums) {
  if (parser.parseInteger(prefetch))
    return failure();
  if (succeeded(parser.parseOptionalComma())) {
    bool hasStreams = succeeded(parser.parseOptionalKeyword("streams"));
    if (hasStreams && (parser.parseEqual() || parser.parseInteger(streams)))
      return failure();
    if (hasStreams && failed(parser.parseOptionalComma()))
      return success();
    StringRef word;
    if (parser.parseKeyword("sums") || parser.parseEqual())
      return failure();
    auto place = parser.getCurrentLocation();
    if (parser.parseKeyword(&word))
      return failure();
    std::optional<SumOrder> order = symbolizeSumOrder(word);
    if (!order)
      return parser.emitError(place) << "unknown order of sums '" << word << "', expected lanes or in_order";
    sums = *order;
  }
  return success();
}

static void printPrefetchAndMore(AsmPrinter &printer, int64_t prefetch, int64_t streams, SumOrder sums) {
  printer << prefetch;
  if (streams)
    printer << ", streams = " << streams;
  if (sums != SumOrder::Lanes)
    printer << ", sums = " << stringifySumOrder(sums);
}

#define GET_ATTRDEF_CLASSES
#include "ir/Llama/LlamaAttrs.cpp.inc"

//===----------------------------------------------------------------------===//
// RopeAttr
//===----------------------------------------------------------------------===//

// `theta = 1.0e+04, layout = half (, scaling = llama3, factor = 8.0, ...)`: keyed, in any order, and only what differs
// from the defaults is printed.
Attribute RopeAttr::parse(AsmParser &parser, Type) {
  double theta = 0, factor = 1, low = 1, high = 1;
  int64_t original = 0;
  RotaryLayout layout = RotaryLayout::Half;
  RopeScaling scaling = RopeScaling::None;
  bool haveTheta = false, haveLayout = false;
  SmallVector<double> divisors;
  auto loc = parser.getCurrentLocation();

  auto parseDouble = [&](double &value) -> ParseResult { return parser.parseFloat(value); };
  auto parseField = [&]() -> ParseResult {
    StringRef key, word;
    auto keyLoc = parser.getCurrentLocation();
    if (parser.parseKeyword(&key) || parser.parseEqual())
      return failure();
    if (key == "theta") {
      haveTheta = true;
      return parseDouble(theta);
    }
    if (key == "layout") {
      haveLayout = true;
      if (parser.parseKeyword(&word))
        return failure();
      auto parsed = symbolizeRotaryLayout(word);
      if (!parsed)
        return parser.emitError(keyLoc) << "unknown rotary layout '" << word << "', expected half or interleaved";
      layout = *parsed;
      return success();
    }
    if (key == "scaling") {
      if (parser.parseKeyword(&word))
        return failure();
      auto parsed = symbolizeRopeScaling(word);
      if (!parsed)
        return parser.emitError(keyLoc) << "unknown rope scaling '" << word << "', expected none, linear or llama3";
      scaling = *parsed;
      return success();
    }
    if (key == "factor")
      return parseDouble(factor);
    if (key == "lowFreqFactor")
      return parseDouble(low);
    if (key == "highFreqFactor")
      return parseDouble(high);
    if (key == "originalContext")
      return parser.parseInteger(original);
    if (key == "divisors")
      return parser.parseCommaSeparatedList(AsmParser::Delimiter::Square,
                                            [&] { return parseDouble(divisors.emplace_back()); });
    return parser.emitError(keyLoc) << "unknown field '" << key << "' of llama.rope";
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::LessGreater, parseField))
    return {};
  if (!haveTheta || !haveLayout) {
    parser.emitError(loc) << "llama.rope needs the fields theta and layout";
    return {};
  }
  return RopeAttr::getChecked([&] { return parser.emitError(loc); }, parser.getContext(), llvm::APFloat(theta), layout,
                              scaling, llvm::APFloat(factor), llvm::APFloat(low), llvm::APFloat(high), original,
                              divisors.empty() ? DenseF64ArrayAttr()
                                               : DenseF64ArrayAttr::get(parser.getContext(), divisors));
}

void RopeAttr::print(AsmPrinter &printer) const {
  printer << "<theta = ";
  printer.printFloat(getTheta());
  printer << ", layout = " << stringifyRotaryLayout(getLayout());
  if (getScaling() != RopeScaling::None) {
    printer << ", scaling = " << stringifyRopeScaling(getScaling()) << ", factor = ";
    printer.printFloat(getFactor());
  }
  if (getScaling() == RopeScaling::Llama3) {
    printer << ", lowFreqFactor = ";
    printer.printFloat(getLowFreqFactor());
    printer << ", highFreqFactor = ";
    printer.printFloat(getHighFreqFactor());
    printer << ", originalContext = " << getOriginalContext();
  }
  if (getDivisors()) {
    printer << ", divisors = [";
    llvm::interleaveComma(getDivisors().asArrayRef(), printer.getStream(),
                          [&](double divisor) { printer.printFloat(APFloat(divisor)); });
    printer << "]";
  }
  printer << ">";
}

LogicalResult RopeAttr::verify(function_ref<InFlightDiagnostic()> emitError, APFloat thetaValue, RotaryLayout,
                               RopeScaling scaling, APFloat factorValue, APFloat lowValue, APFloat highValue,
                               int64_t original, DenseF64ArrayAttr divisors) {
  double theta = thetaValue.convertToDouble(), factor = factorValue.convertToDouble();
  double low = lowValue.convertToDouble(), high = highValue.convertToDouble();
  if (!(theta > 0) || !std::isfinite(theta))
    return emitError() << "theta must be positive and finite, found " << theta;
  if (scaling != RopeScaling::None && !(factor > 0 && std::isfinite(factor)))
    return emitError() << "factor of " << stringifyRopeScaling(scaling) << " scaling must be positive, found "
                       << factor;
  if (scaling == RopeScaling::Llama3) {
    if (!(low > 0) || !(high > low))
      return emitError() << "llama3 scaling needs 0 < lowFreqFactor < highFreqFactor, found " << low << " and " << high;
    if (original <= 0)
      return emitError() << "llama3 scaling needs a positive originalContext, found " << original;
  }
  for (double divisor : divisors ? divisors.asArrayRef() : ArrayRef<double>())
    if (!(divisor > 0 && std::isfinite(divisor)))
      return emitError() << "divisors must be positive and finite, found " << divisor;
  return success();
}

SmallVector<float> RopeAttr::inverseFrequencies(int64_t headDim) const {
  float theta = static_cast<float>(getTheta().convertToDouble());
  float factor = static_cast<float>(getFactor().convertToDouble());
  double low = getLowFreqFactor().convertToDouble(), high = getHighFreqFactor().convertToDouble();
  SmallVector<float> frequencies;
  for (int64_t j = 0; j < headDim / 2; ++j) {
    float exponent = static_cast<float>(2 * j) / static_cast<float>(headDim);
    // float base, float exponent, float result: as torch computes `1.0 / (base ** exponent)`.
    float frequency = 1.0f / std::pow(theta, exponent);
    switch (getScaling()) {
    case RopeScaling::None:
      break;
    case RopeScaling::Linear:
      frequency = frequency / factor;
      break;
    case RopeScaling::Llama3: {
      double context = static_cast<double>(getOriginalContext());
      double wavelength = 2.0 * std::numbers::pi / frequency;
      if (wavelength > context / low) {
        frequency = frequency / factor;
      } else if (wavelength >= context / high) {
        double smooth = (context / wavelength - low) / (high - low);
        frequency = static_cast<float>((1.0 - smooth) * frequency / factor + smooth * frequency);
      }
      break;
    }
    }
    if (getDivisors())
      frequency = frequency / static_cast<float>(getDivisors()[static_cast<size_t>(j)]);
    frequencies.push_back(frequency);
  }
  return frequencies;
}

//===----------------------------------------------------------------------===//
// Other attributes
//===----------------------------------------------------------------------===//

LogicalResult ProgramAttr::verify(function_ref<InFlightDiagnostic()> emitError, ProgramKind, int64_t minRows,
                                  int64_t maxRows, int64_t rowAlign) {
  if (minRows < 1 || maxRows < minRows)
    return emitError() << "a program needs 1 <= minRows <= maxRows, found " << minRows << " to " << maxRows;
  if (rowAlign < 1)
    return emitError() << "row alignment must be positive, found " << rowAlign;
  return success();
}

LogicalResult TokenLanesAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t lanes, int64_t pack) {
  if (lanes < 1)
    return emitError() << "lanes must be positive, found " << lanes;
  if (pack != 1 && pack != 2)
    return emitError() << "pack must be 1 or 2, found " << pack;
  return success();
}

LogicalResult RangeAttr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t begin, int64_t end,
                                int64_t extent) {
  if (begin < 0 || begin >= end || end > extent)
    return emitError() << "a range must have 0 <= begin < end <= extent, found " << begin << " to " << end << " of "
                       << extent;
  if (begin == 0 && end == extent)
    return emitError() << "0 to " << end << " of " << extent << " is the whole dimension; leave the range out";
  return success();
}

LogicalResult SourceAttr::verify(function_ref<InFlightDiagnostic()> emitError, StringRef name, RangeAttr, RangeAttr) {
  if (name.empty())
    return emitError() << "a source needs the name of a tensor";
  return success();
}

LogicalResult RowPartsAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<int64_t> rows,
                                   int64_t interleave) {
  if (interleave < 1 || interleave > kMostInterleavedRows || !llvm::isPowerOf2_64(interleave))
    return emitError() << "interleave must be a power of two up to " << kMostInterleavedRows << ", found "
                       << interleave;
  if (rows.empty() || (rows.size() == 1 && interleave == 1))
    return emitError() << "row_parts needs at least two parts, or interleaved rows, found " << rows.size();
  for (int64_t count : rows)
    if (count <= 0 || count % interleave)
      return emitError() << "every part must have rows"
                         << (interleave > 1 ? ", a multiple of the interleaved ones" : "") << ", found " << count;
  return success();
}

LogicalResult SourceRowsAttr::verify(function_ref<InFlightDiagnostic()> emitError, RowPairing pairing, int64_t group) {
  bool grouped = hasGroups(rowOrderOf(pairing));
  if (grouped && (group < 0 || !isWholeTiles(static_cast<uint64_t>(group))))
    return emitError() << stringifyRowPairing(pairing) << " needs groups of a multiple of " << kPairTileRows
                       << " rows, found " << group;
  if (!grouped && group)
    return emitError() << stringifyRowPairing(pairing) << " has no groups, found " << group;
  return success();
}

LogicalResult PairedRowsAttr::verify(function_ref<InFlightDiagnostic()> emitError, ArrayRef<SourceRowsAttr> sources) {
  for (auto [index, source] : llvm::enumerate(sources)) {
    bool isSecond = source.getPairing() == RowPairing::Second;
    bool afterFirst = index > 0 && sources[index - 1].getPairing() == RowPairing::First;
    if (isSecond != afterFirst)
      return emitError() << "a source with the second elements of pairs must follow one with the first elements";
  }
  if (!sources.empty() && sources.back().getPairing() == RowPairing::First)
    return emitError() << "a source with the first elements of pairs must be followed by one with the second elements";
  return success();
}

void LlamaDialect::registerAttributes() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/Llama/LlamaAttrs.cpp.inc"
      >();
}
