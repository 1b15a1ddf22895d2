//===- Barriers.cpp - Barriers in shared memory for asynchronous copies ----------===//

#include "codegen/cuda/vocabulary/Barriers.h"

using namespace mlir;

namespace quipu::codegen::cuda {

void Barriers::initialise(int64_t arrivals) {
  for (int64_t i = 0; i < count; ++i)
    b.ptx("mbarrier.init.shared::cta.b64 [$0], $1;", {}, {b.at(first, i * kBytes), b.i32(arrivals)}, /*memory=*/true);
}

void Barriers::publish(CudaBuilder &b) { b.ptx("fence.mbarrier_init.release.cluster;", {}, {}, /*memory=*/true); }

void Barriers::wait(Value index, Value parity) {
  // The thread may sleep in try_wait; the last operand bounds for how long (ns) before it looks again.
  b.ptx("{ .reg .pred done; again: mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1, 10000000; "
        "@!done bra again; }",
        {}, {at(index), parity}, /*memory=*/true);
}

void Barriers::arriveIf(Value flag, Value index) {
  b.ptx("{ .reg .pred here; setp.ne.b32 here, $0, 0; @here mbarrier.arrive.shared::cta.b64 _, [$1]; }", {},
        {flag, at(index)}, /*memory=*/true);
}

void Barriers::arriveIf(Value flag, Value index, Value block) {
  // With .release.cluster it would wait for all memory accesses of the thread; reads by products are over already.
  b.ptx("{ .reg .pred here; .reg .b32 there; setp.ne.b32 here, $0, 0; @here mapa.shared::cluster.u32 there, $1, $2; "
        "@here mbarrier.arrive.shared::cluster.b64 _, [there]; }",
        {}, {flag, at(index), block}, /*memory=*/true);
}

void Barriers::arriveAfterCopies(Value index) {
  b.ptx("cp.async.mbarrier.arrive.noinc.shared::cta.b64 [$0];", {}, {at(index)}, /*memory=*/true);
}

void Barriers::arriveExpecting(int64_t bytes, Value index) {
  b.ptx("mbarrier.arrive.expect_tx.shared::cta.b64 _, [$0], $1;", {}, {at(index), b.i32(bytes)}, /*memory=*/true);
}

RingPlace RingPlace::next(CudaBuilder &b, int64_t stages) const {
  Value following = b.add(stage, 1);
  Value wraps = b.compare(CudaBuilder::Predicate::eq, following, stages);
  Value turned = arith::XOrIOp::create(b, parity, b.i32(1));
  return {b.select(wraps, b.i32(0), following), b.select(wraps, turned, parity)};
}

} // namespace quipu::codegen::cuda
