//===- Libraries.cpp - Shared libraries of the machine -----------------------------------===//

#include "tools/common/Libraries.h"

#include <dlfcn.h>
#include <link.h>

namespace quipu::tool {

std::string findLibrary(const std::vector<std::string> &names) {
  for (const std::string &name : names) {
    void *library = dlopen(name.c_str(), RTLD_LAZY | RTLD_LOCAL);
    if (!library)
      continue;
    link_map *map = nullptr;
    std::string path = dlinfo(library, RTLD_DI_LINKMAP, &map) == 0 && map ? map->l_name : name;
    dlclose(library);
    return path;
  }
  return "";
}

} // namespace quipu::tool
