//===- Progress.cpp - How far long work is -----------------------------------------------===//

#include "runtime/support/Progress.h"

#include <utility>

namespace quipu {

static ProgressListener *currentListener = nullptr;

void setProgressListener(ProgressListener *listener) { currentListener = listener; }

Progress::Progress(std::string what, uint64_t total, Unit unit, std::string item)
    : what(std::move(what)), total(total), unit(unit), item(std::move(item)) {
  if (currentListener)
    currentListener->begin(*this);
}

Progress::~Progress() {
  if (currentListener)
    currentListener->end(*this);
}

} // namespace quipu
