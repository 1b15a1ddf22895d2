//===- RowPairing.h - Pairings as orders of rows ----------------*- C++ -*-===//
//
// runtime/abi/RowOrder.h says where each order puts the rows of a source.
//
//===----------------------------------------------------------------------===//

#ifndef QUIPU_IR_LLAMA_ROWPAIRING_H
#define QUIPU_IR_LLAMA_ROWPAIRING_H

#include "ir/Llama/Llama.h"
#include "runtime/abi/RowOrder.h"

namespace quipu::llama {

/// The pairing of the rows of a head whose pairs a rotary embedding turns.
inline RowPairing pairingOf(RotaryLayout layout) {
  switch (layout) {
  case RotaryLayout::Half:
    return RowPairing::Halves;
  case RotaryLayout::Interleaved:
    return RowPairing::Alternating;
  }
  llvm_unreachable("all layouts are listed");
}

inline plan::RowOrder rowOrderOf(RowPairing pairing) {
  switch (pairing) {
  case RowPairing::Plain:
    return plan::RowOrder::plain;
  case RowPairing::Halves:
    return plan::RowOrder::halves;
  case RowPairing::Alternating:
    return plan::RowOrder::alternating;
  case RowPairing::First:
    return plan::RowOrder::first;
  case RowPairing::Second:
    return plan::RowOrder::second;
  }
  llvm_unreachable("all pairings are listed");
}

} // namespace quipu::llama

#endif // QUIPU_IR_LLAMA_ROWPAIRING_H
