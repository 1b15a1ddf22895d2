//===- RemoveTree.h - Removes files and folders, also in a signal handler ----*- C++ -*-===//

#ifndef QUIPU_RUNTIME_SUPPORT_REMOVETREE_H
#define QUIPU_RUNTIME_SUPPORT_REMOVETREE_H

namespace quipu {

/// Removes a file, or a folder with all that is in it. Links are removed, not what they point to. What cannot be
/// removed stays. A signal handler may call it: it allocates nothing, and makes only calls that are allowed there.
void removeTree(const char *path);

} // namespace quipu

#endif // QUIPU_RUNTIME_SUPPORT_REMOVETREE_H
